// SPDX-License-Identifier: LGPL-3.0-or-later

package jobid

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseError says what is wrong with a job id, and where.
type ParseError struct {
	Input  string // the string, cut to a length fit to print
	Offset int    // bytes before the place in question
	Reason string
}

// Error tells input, place and reason in one line.
func (e *ParseError) Error() string {
	return fmt.Sprintf("job id %q: at position %d: %s", e.Input, e.Offset+1, e.Reason)
}

// parser is one string being read.
type parser struct {
	input string
	text  string // input without what surrounds the id
	skip  int    // bytes of input before text
}

func (p *parser) fail(offset int, format string, args ...any) error {
	return &ParseError{Input: cut(p.input), Offset: p.skip + offset, Reason: fmt.Sprintf(format, args...)}
}

// maxQuoted bounds how much of a bad input an error repeats.
const maxQuoted = 64

func cut(s string) string {
	if len(s) > maxQuoted {
		return s[:maxQuoted] + "..."
	}
	return s
}

const blanks = " \t\n\v\f\r"

// Parse reads a job id in any of its forms, which it tells apart by RFC 19's
// rules. Surrounding blanks and a leading "job." are ignored. The error is a
// *ParseError.
func Parse(in string) (ID, error) {
	text := strings.TrimPrefix(strings.TrimLeft(in, blanks), kvsPrefix)
	p := &parser{input: in, text: strings.TrimRight(text, blanks), skip: len(in) - len(text)}
	switch {
	case p.text == "":
		return 0, p.fail(0, "empty")
	case strings.Contains(p.text, "."):
		return p.parseDotHex()
	case strings.Contains(p.text, "-"):
		return p.parseWords()
	case strings.HasPrefix(p.text, "ƒ"):
		return p.parseBase58(len("ƒ"))
	case strings.HasPrefix(p.text, "f"):
		return p.parseBase58(1)
	case strings.HasPrefix(p.text, "\xf0\x9f"):
		return p.parseEmoji(0)
	case strings.HasPrefix(p.text, "0x"):
		return p.parseInteger(2, 16)
	}
	return p.parseInteger(0, 10)
}

// parseInteger reads plain digits from offset at on.
func (p *parser) parseInteger(at, base int) (ID, error) {
	return p.parseDigits(at, base, func(c rune) int {
		v, err := strconv.ParseUint(string(c), base, 8)
		if err != nil {
			return -1
		}
		return int(v)
	})
}

// parseDotHex reads four groups of one to four hexadecimal digits.
func (p *parser) parseDotHex() (id ID, err error) {
	at := 0
	groups := strings.SplitN(p.text, ".", 5)
	if len(groups) != 4 {
		return 0, p.fail(0, "want four groups of hexadecimal digits")
	}
	for _, g := range groups {
		n, err := strconv.ParseUint(g, 16, 16)
		if err != nil || len(g) > 4 {
			return 0, p.fail(at, "%q is not one to four hexadecimal digits", cut(g))
		}
		id = id<<16 | ID(n)
		at += len(g) + 1
	}
	return id, nil
}
