// SPDX-License-Identifier: LGPL-3.0-or-later

package idset

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ParseError says what is wrong with an idset string, and where.
type ParseError struct {
	Input  string // the string, cut to a length fit to print
	Offset int    // bytes before the place in question
	Reason string
}

// Error tells input, place and reason in one line.
func (e *ParseError) Error() string {
	return fmt.Sprintf("idset %q: at position %d: %s", e.Input, e.Offset+1, e.Reason)
}

// maxQuoted bounds how much of a bad input an error repeats: an error is for
// reading, and the input may be megabytes.
const maxQuoted = 64

func fail(in string, offset int, format string, args ...any) error {
	quoted := in
	if len(quoted) > maxQuoted {
		quoted = quoted[:maxQuoted] + "..."
	}
	return &ParseError{Input: quoted, Offset: offset, Reason: fmt.Sprintf(format, args...)}
}

// Parse reads an idset string, RFC 22: ids and ranges, ascending, separated by
// commas, without leading zeros, the whole in square brackets or not. Both ""
// and "[]" are the empty set. The error is a *ParseError.
func Parse(in string) (*Set, error) {
	start, end := 0, len(in)
	if strings.HasPrefix(in, "[") {
		if !strings.HasSuffix(in, "]") {
			return nil, fail(in, len(in), "'[' is never closed")
		}
		start, end = 1, end-1
	}
	s := &Set{}
	if start == end {
		return s, nil
	}
	for at := start; ; {
		r, next, err := parseRange(in, at, end)
		if err != nil {
			return nil, err
		}
		if err := s.push(r); err != nil {
			return nil, fail(in, at, "%q %v", in[at:next], err)
		}
		if next == end {
			return s, nil
		}
		if in[next] != ',' {
			return nil, fail(in, next, "unexpected %q, want ',' or the end", rune(in[next]))
		}
		at = next + 1
	}
}

// push appends a range that must lie beyond all others.
func (s *Set) push(r Range) error {
	n := len(s.ranges)
	if n > 0 && r.Lo <= s.ranges[n-1].Hi {
		return fmt.Errorf("is out of order: ids must ascend, and %d came before", s.ranges[n-1].Hi)
	}
	if n > 0 && r.Lo == s.ranges[n-1].Hi+1 {
		s.ranges[n-1].Hi = r.Hi
		return nil
	}
	s.ranges = append(s.ranges, r)
	return nil
}

// parseRange reads "N" or "N-M" at in[at:end]; next is where it stopped.
func parseRange(in string, at, end int) (r Range, next int, err error) {
	lo, next, err := parseID(in, at, end)
	if err != nil {
		return r, 0, err
	}
	if next == end || in[next] != '-' {
		return Range{lo, lo}, next, nil
	}
	hi, next, err := parseID(in, next+1, end)
	if err != nil {
		return r, 0, err
	}
	if hi <= lo {
		return r, 0, fail(in, at, "range %q does not ascend", in[at:next])
	}
	return Range{lo, hi}, next, nil
}

// parseID reads one decimal id at in[at:end].
func parseID(in string, at, end int) (id uint32, next int, err error) {
	next = at
	for next < end && '0' <= in[next] && in[next] <= '9' {
		next++
	}
	switch {
	case next == at && at == end:
		return 0, 0, fail(in, at, "an id is missing")
	case next == at:
		return 0, 0, fail(in, at, "unexpected %q, want an id", rune(in[at]))
	case in[at] == '0' && next > at+1:
		return 0, 0, fail(in, at, "leading zero")
	}
	n, err := strconv.ParseUint(in[at:next], 10, 32)
	if err != nil {
		return 0, 0, fail(in, at, "id exceeds the maximum of %d", uint32(MaxID))
	}
	return uint32(n), next, nil
}

// MustParse is Parse for constants and tests: it panics if in is malformed.
func MustParse(in string) *Set {
	s, err := Parse(in)
	if err != nil {
		panic(err)
	}
	return s
}

// String is the compact form without brackets: "0-3,7". The empty set is "".
func (s *Set) String() string { return string(s.appendRanges(nil)) }

// Brackets is String in square brackets if the set has more than one id:
// "[0-3,7]" but "7".
func (s *Set) Brackets() string {
	if s.Len() <= 1 {
		return s.String()
	}
	return string(append(s.appendRanges([]byte{'['}), ']'))
}

// Expand is the form that lists every id: "0,1,2,3,7". Its length grows with
// the number of ids, so use it on sets whose size is known to be small.
func (s *Set) Expand() string {
	var b []byte
	for id := range s.All() {
		if len(b) > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(id), 10)
	}
	return string(b)
}

func (s *Set) appendRanges(b []byte) []byte {
	for i, r := range s.view() {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(r.Lo), 10)
		if r.Lo < r.Hi {
			b = append(b, '-')
			b = strconv.AppendUint(b, uint64(r.Hi), 10)
		}
	}
	return b
}

// MarshalText is String, for TOML and other text encodings.
func (s Set) MarshalText() ([]byte, error) { return s.appendRanges(nil), nil }

// UnmarshalText is Parse; it replaces the contents of s.
func (s *Set) UnmarshalText(text []byte) error {
	t, err := Parse(string(text))
	if err != nil {
		return err
	}
	*s = *t
	return nil
}

// MarshalJSON is String as a JSON string, the form RFC 20 and others use.
func (s Set) MarshalJSON() ([]byte, error) {
	return append(s.appendRanges([]byte{'"'}), '"'), nil
}

var errNotString = errors.New("idset: want a JSON string such as \"0-3,7\"")

// UnmarshalJSON is Parse of a JSON string; it replaces the contents of s.
func (s *Set) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	n := len(data)
	// An idset has no character that JSON would have to escape.
	if n < 2 || data[0] != '"' || data[n-1] != '"' {
		return errNotString
	}
	return s.UnmarshalText(data[1 : n-1])
}
