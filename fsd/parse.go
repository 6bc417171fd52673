// SPDX-License-Identifier: LGPL-3.0-or-later

package fsd

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseError says what is wrong with a duration string, and where.
type ParseError struct {
	Input  string // the string, cut to a length fit to print
	Offset int    // bytes before the place in question
	Reason string
}

// Error tells input, place and reason in one line.
func (e *ParseError) Error() string {
	return fmt.Sprintf("duration %q: at position %d: %s", e.Input, e.Offset+1, e.Reason)
}

// maxLen bounds a duration string, in bytes. The longest sensible number has
// some 30 characters; more is a mistake, and reading it costs time.
const maxLen = 128

// maxQuoted bounds how much of a bad input an error repeats.
const maxQuoted = 64

func fail(in string, offset int, format string, args ...any) error {
	quoted := in
	if len(quoted) > maxQuoted {
		quoted = quoted[:maxQuoted] + "..."
	}
	return &ParseError{Input: quoted, Offset: offset, Reason: fmt.Sprintf(format, args...)}
}

var units = map[string]float64{
	"":   1,
	"ms": 1e-3,
	"s":  1,
	"m":  60,
	"h":  60 * 60,
	"d":  24 * 60 * 60,
}

// ParseSeconds reads a duration, RFC 23, and returns it in seconds: zero or
// more, +Inf for "inf" and "infinity". The error is a *ParseError.
func ParseSeconds(in string) (float64, error) {
	if len(in) > maxLen {
		return 0, fail(in, maxLen, "longer than %d bytes", maxLen)
	}
	// strtod, by which RFC 23 defines the number, skips leading blanks.
	begin := len(in) - len(strings.TrimLeft(in, " \t\n\v\f\r"))
	end := begin + numberLen(in[begin:])
	if begin == end {
		return 0, fail(in, begin, "want a number, optionally followed by ms, s, m, h or d")
	}
	n, err := parseNumber(in[begin:end])
	if err != nil {
		return 0, fail(in, begin, "%q is not a number in range", in[begin:end])
	}
	if n < 0 {
		return 0, fail(in, begin, "a duration cannot be negative")
	}
	unit := in[end:]
	factor, known := units[unit]
	switch {
	case math.IsInf(n, 1) && unit != "":
		return 0, fail(in, end, "infinity takes no unit")
	case !known:
		return 0, fail(in, end, "unknown unit %q, want ms, s, m, h or d", unit)
	case math.IsInf(n, 1):
		return n, nil
	}
	if n *= factor; math.IsInf(n, 1) {
		return 0, fail(in, begin, "out of range")
	}
	return n + 0, nil // + 0 makes a zero of "-0"
}

// Parse is ParseSeconds for callers that want a time.Duration. Infinity, and
// what exceeds time.Duration's 292 years, is an error; what is finer than a
// nanosecond is rounded.
func Parse(in string) (time.Duration, error) {
	s, err := ParseSeconds(in)
	if err != nil {
		return 0, err
	}
	if math.IsInf(s, 1) {
		return 0, fail(in, 0, "want a finite duration")
	}
	ns := math.Round(s * 1e9)
	if ns >= math.MaxInt64 {
		return 0, fail(in, 0, "exceeds the maximum of %s", Format(math.MaxInt64/1e9))
	}
	return time.Duration(ns), nil
}

// parseNumber converts what numberLen has delimited.
func parseNumber(s string) (float64, error) {
	digits := strings.TrimLeft(s, "+-")
	// Go wants an exponent in a hexadecimal number, C does not.
	if len(digits) > 1 && digits[1]|0x20 == 'x' && !strings.ContainsAny(digits, "pP") {
		s += "p0"
	}
	n, err := strconv.ParseFloat(s, 64)
	if err == nil && math.IsNaN(n) {
		err = strconv.ErrSyntax
	}
	return n, err
}

// numberLen is the length of the longest start of s that C's strtod would
// read as a number; 0 if there is none.
func numberLen(s string) int {
	sign := span(s, "+-", 1)
	body := s[sign:]
	for _, word := range []string{"infinity", "inf", "nan"} {
		if len(body) >= len(word) && strings.EqualFold(body[:len(word)], word) {
			return sign + len(word)
		}
	}
	if len(body) > 1 && strings.EqualFold(body[:2], "0x") {
		if n := mantissaLen(body[2:], "0123456789abcdefABCDEF"); n > 0 {
			n += 2
			return sign + n + exponentLen(body[n:], "pP")
		}
	}
	n := mantissaLen(body, "0123456789")
	if n == 0 {
		return 0
	}
	return sign + n + exponentLen(body[n:], "eE")
}

// mantissaLen is the length of digits with at most one point among them.
func mantissaLen(s, digits string) int {
	whole := span(s, digits, len(s))
	n := whole
	if n < len(s) && s[n] == '.' {
		frac := span(s[n+1:], digits, len(s))
		if whole+frac == 0 {
			return 0
		}
		n += 1 + frac
	}
	return n
}

// exponentLen is the length of an exponent, 0 if it is not a whole one.
func exponentLen(s, letters string) int {
	n := span(s, letters, 1)
	if n == 0 {
		return 0
	}
	n += span(s[n:], "+-", 1)
	digits := span(s[n:], "0123456789", len(s))
	if digits == 0 {
		return 0
	}
	return n + digits
}

// span counts how many of the first bytes of s, up to limit, are in set.
func span(s, set string, limit int) int {
	n := 0
	for n < len(s) && n < limit && strings.IndexByte(set, s[n]) >= 0 {
		n++
	}
	return n
}
