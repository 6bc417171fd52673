// SPDX-License-Identifier: LGPL-3.0-or-later

package pmi

import (
	"strconv"
	"strings"
)

// Limits of the protocol. The three that are told to clients are those that
// MPI libraries have come to rely on; they count the NUL of the C side.
const (
	MaxName  = 64
	MaxKey   = 64
	MaxValue = 1024

	// MaxLine bounds one line: room for the longest put, and for the
	// arguments of a spawn, which are read to be refused.
	MaxLine = 16 * 1024
)

// fields are the tuples of a line.
type fields map[string]string

// takesLine are the keys whose value may contain spaces (RFC 13's "string"):
// it is the rest of the line, or, before a value, what comes before that, for
// MPICH's Hydra says msg=success value=...
var takesLine = map[string]bool{"value": true, "msg": true, "error_msg": true}

// parseLine splits a line into its key=value tuples, tolerating extra space,
// any order and unknown keys (RFC 13, Wire Protocol). Words without an equals
// sign are skipped.
func parseLine(line string) fields {
	f := fields{}
	line = strings.TrimRight(line, "\r\n")
	for line != "" {
		line = strings.TrimLeft(line, " \t")
		end := strings.IndexAny(line, " \t=")
		if end < 0 {
			break
		}
		if line[end] != '=' {
			line = line[end:]
			continue
		}
		key := line[:end]
		line = line[end+1:]
		value := line
		if takesLine[key] {
			end := strings.Index(line, " value=")
			if end < 0 || key == "value" {
				f[key] = line
				break
			}
			f[key], line = line[:end], line[end:]
			continue
		}
		if end = strings.IndexAny(line, " \t"); end >= 0 {
			value = line[:end]
		}
		f[key], line = value, line[len(value):]
	}
	return f
}

func (f fields) int(key string) (int, bool) {
	v, err := strconv.Atoi(f[key])
	return v, err == nil
}

// isWord reports whether s can be a kvsname or key on the wire (RFC 13's
// "word"), and is shorter than limit.
func isWord(s string, limit int) bool {
	if s == "" || len(s) >= limit {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f || s[i] == '=' { // job ids have bytes beyond ASCII
			return false
		}
	}
	return true
}

// isText reports whether s can be a value on the wire.
func isText(s string) bool { return len(s) < MaxValue && !strings.ContainsAny(s, "\n\r\x00") }
