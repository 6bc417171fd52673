// SPDX-License-Identifier: LGPL-3.0-or-later

package hostlist

import (
	"github.com/go-json-experiment/json/jsontext"
)

// String is the compact form, order and repetitions kept: "node[0-3,7],login1".
// The empty list is "".
func (l *List) String() string {
	var b []byte
	runs := l.view()
	for i := 0; i < len(runs); {
		if i > 0 {
			b = append(b, ',')
		}
		n := groupLen(runs[i:])
		if n == 0 {
			b = runs[i].appendNames(b)
			i++
			continue
		}
		b = appendGroup(b, runs[i:i+n])
		i += n
	}
	return string(b)
}

// groupLen is how many of the first runs fit one pair of brackets; 0 if the
// first run is one that is written name by name.
func groupLen(runs []run) int {
	first := &runs[0]
	if !first.numeric || first.suffix != "" {
		return 0
	}
	for i := 1; i < len(runs); i++ {
		r := &runs[i]
		if !r.numeric || r.prefix != first.prefix || r.suffix != "" {
			return i
		}
		// A reader pads every element like the first: one that is shorter
		// needs brackets of its own.
		if r.textLen(r.lo) < first.width {
			return i
		}
	}
	return len(runs)
}

// appendGroup writes runs of one prefix, in brackets if they are more than one
// host.
func appendGroup(b []byte, runs []run) []byte {
	b = append(b, runs[0].prefix...)
	if len(runs) == 1 && runs[0].count() == 1 {
		return appendPadded(b, runs[0].lo, runs[0].width)
	}
	for i := range runs {
		r := &runs[i]
		if i == 0 {
			b = append(b, '[')
		} else {
			b = append(b, ',')
		}
		b = appendPadded(b, r.lo, r.width)
		if r.lo < r.hi {
			b = append(b, '-')
			b = appendPadded(b, r.hi, r.width)
		}
	}
	return append(b, ']')
}

// appendNames writes the hosts of the run, separated by commas.
func (r *run) appendNames(b []byte) []byte {
	for n := range r.count() {
		if n > 0 {
			b = append(b, ',')
		}
		b = append(b, r.name(n)...)
	}
	return b
}

// MarshalText is String, for TOML and other text encodings.
func (l List) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText is Parse; it replaces the contents of l.
func (l *List) UnmarshalText(text []byte) error {
	m, err := Parse(string(text))
	if err != nil {
		return err
	}
	*l = *m
	return nil
}

// MarshalJSON is String as a JSON string.
func (l List) MarshalJSON() ([]byte, error) { return jsontext.AppendQuote(nil, l.String()) }

// UnmarshalJSON is Parse of a JSON string; it replaces the contents of l.
func (l *List) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	text, err := jsontext.AppendUnquote(nil, data)
	if err != nil {
		return err
	}
	return l.UnmarshalText(text)
}
