// SPDX-License-Identifier: LGPL-3.0-or-later

package eventlog

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// Format is how a Formatter writes an entry.
type Format int

// Formats.
const (
	Text Format = iota // 1795378503.912718 submit userid=1001 urgency=0
	JSON               // RFC 18
)

// TimeFormat is how a Formatter writes a timestamp in text.
type TimeFormat int

// Time formats.
const (
	Raw    TimeFormat = iota // seconds since the Unix epoch, six decimals
	ISO                      // 2026-11-22T20:15:03.912718Z
	Offset                   // seconds since the first entry, six decimals
	Human                    // [Nov22 20:15], then [  +0.015782] within that minute
)

// ParseFormat reads the name of a format, case ignored: text or json.
func ParseFormat(name string) (Format, error) {
	switch strings.ToLower(name) {
	case "text":
		return Text, nil
	case "json":
		return JSON, nil
	}
	return 0, fmt.Errorf("eventlog: unknown format %q, want text or json", name)
}

// ParseTimeFormat reads the name of a time format, case ignored: raw, iso,
// offset or human, for which reltime is another name.
func ParseTimeFormat(name string) (TimeFormat, error) {
	switch strings.ToLower(name) {
	case "raw":
		return Raw, nil
	case "iso":
		return ISO, nil
	case "offset":
		return Offset, nil
	case "human", "reltime":
		return Human, nil
	}
	return 0, fmt.Errorf("eventlog: unknown time format %q, want raw, iso, offset or human", name)
}

// Formatter writes entries for people. Give it the entries of one log in
// order: offset and human times are relative to earlier entries.
type Formatter struct {
	Format   Format
	Time     TimeFormat
	Color    bool           // write ANSI colour sequences
	Location *time.Location // of iso and human times; nil means time.Local

	// Start is what offsets are relative to; 0 means the first entry.
	Start float64

	minute time.Time // human: the minute written last
	origin float64   // human: the timestamp that minute was written for
}

// ANSI sequences, those of flux-core.
const (
	colorReset     = "\x1b[0m"
	colorName      = "\x1b[33m"
	colorException = "\x1b[1m\x1b[31m"
	colorTime      = "\x1b[32m"
	colorMinute    = "\x1b[1m\x1b[32m"
	colorKey       = "\x1b[34m"
	colorValue     = "\x1b[35m"
	colorNumber    = "\x1b[37m"
)

// Append adds the line of e, newline included, to dst.
func (f *Formatter) Append(dst []byte, e Entry) []byte {
	if f.Format == JSON {
		return e.Append(dst)
	}
	dst = f.appendTime(dst, e.Timestamp)
	dst = append(dst, ' ')
	color := colorName
	if e.Name == "exception" {
		color = colorException
	}
	dst = f.colored(dst, color, printable(e.Name))
	dst = f.appendContext(dst, e.Context)
	return append(dst, '\n')
}

// NoteStart makes the timestamp of e what offsets are relative to, unless that
// is known already. Call it for entries that are not written.
func (f *Formatter) NoteStart(e Entry) {
	if f.Start == 0 {
		f.Start = e.Timestamp
	}
}

func (f *Formatter) colored(dst []byte, color, text string) []byte {
	if !f.Color {
		return append(dst, text...)
	}
	dst = append(dst, color...)
	dst = append(dst, text...)
	return append(dst, colorReset...)
}

func (f *Formatter) appendTime(dst []byte, t float64) []byte {
	switch f.Time {
	case ISO:
		// Microseconds are cut, not rounded, as flux-core does.
		sec, frac := math.Modf(t)
		at := time.Unix(int64(sec), 0).In(f.location())
		text := fmt.Sprintf("%s.%06d%s", at.Format("2006-01-02T15:04:05"), int(frac*1e6), at.Format("Z07:00"))
		return f.colored(dst, colorTime, text)
	case Offset:
		f.NoteStart(Entry{Timestamp: t})
		return f.colored(dst, colorTime, seconds(t-f.Start))
	case Human:
		return f.appendHuman(dst, t)
	}
	return f.colored(dst, colorTime, seconds(t))
}

func seconds(t float64) string { return strconv.FormatFloat(t, 'f', 6, 64) }

func (f *Formatter) location() *time.Location {
	if f.Location == nil {
		return time.Local
	}
	return f.Location
}

// appendHuman writes date and time at the first entry of a minute, and the
// distance to that entry at the others.
func (f *Formatter) appendHuman(dst []byte, t float64) []byte {
	at := time.Unix(int64(t), 0).In(f.location())
	minute := at.Add(-time.Duration(at.Second()) * time.Second)
	if minute.Equal(f.minute) {
		return f.colored(dst, colorTime, fmt.Sprintf("[%+11.6f]", t-f.origin))
	}
	f.minute, f.origin = minute, t
	return f.colored(dst, colorMinute, at.Format("[Jan02 15:04]"))
}

// appendContext writes the keys and values of the context, values as JSON.
func (f *Formatter) appendContext(dst []byte, context []byte) []byte {
	if context == nil {
		return dst
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(context))
	if _, err := dec.ReadToken(); err != nil {
		return dst
	}
	for dec.PeekKind() == '"' {
		key, err := dec.ReadToken()
		if err != nil {
			return dst
		}
		dst = append(dst, ' ')
		dst = f.colored(dst, colorKey, printable(key.String()))
		dst = append(dst, '=')
		value, err := dec.ReadValue()
		if err != nil {
			return dst
		}
		color := colorValue
		if value.Kind() == '0' {
			color = colorNumber
		}
		dst = f.colored(dst, color, string(appendCompact(nil, value)))
	}
	return dst
}

// printable replaces control characters, which a name or key could carry to
// the reader's terminal, by their Go escapes.
func printable(s string) string {
	if strings.IndexFunc(s, unicode.IsControl) < 0 {
		return s
	}
	quoted := strconv.Quote(s)
	return quoted[1 : len(quoted)-1]
}
