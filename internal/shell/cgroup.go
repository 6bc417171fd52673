// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"os"
	"strconv"
	"strings"

	"goflux/internal/sys/process"
)

// cgroup is the directory of a control group (version 2), "" for none.
type cgroup string

// ownCgroup is this process's.
func ownCgroup() cgroup { return cgroup(process.Cgroup()) }

// read reads one of its files, false when there is none.
func (c cgroup) read(file string) (string, bool) {
	if c == "" {
		return "", false
	}
	b, err := os.ReadFile(string(c) + "/" + file)
	return string(b), err == nil
}

// number reads a file that is one number, false when there is none.
func (c cgroup) number(file string) (int64, bool) {
	text, ok := c.read(file)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	return n, err == nil
}

// keyed reads the number after a key, in a file of such lines.
func (c cgroup) keyed(file, key string) (int64, bool) {
	lines, ok := c.read(file)
	if !ok {
		return 0, false
	}
	for line := range strings.Lines(lines) {
		if text, ok := strings.CutPrefix(line, key+" "); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
