// SPDX-License-Identifier: LGPL-3.0-or-later

package constraint

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind int

const (
	tokEnd tokenKind = iota
	tokTerm
	tokAnd
	tokOr
	tokNot
	tokNegate
	tokOpen
	tokClose
)

type token struct {
	kind tokenKind
	text string
	pos  int // byte offset in the query
}

// lex splits a query. The last token is always tokEnd.
func lex(query string) ([]token, error) {
	var out []token
	for pos := 0; ; {
		pos += len(query[pos:]) - len(strings.TrimLeftFunc(query[pos:], unicode.IsSpace))
		if pos == len(query) {
			return append(out, token{kind: tokEnd, pos: pos}), nil
		}
		t, size, err := lexOne(query[pos:], pos)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
		pos += size
	}
}

// lexOne reads the token at the start of s and says how many bytes it took.
func lexOne(s string, pos int) (token, int, error) {
	for _, sign := range []struct {
		text string
		kind tokenKind
	}{
		{"&&", tokAnd}, {"&", tokAnd}, {"||", tokOr}, {"|", tokOr},
		{"(", tokOpen}, {")", tokClose}, {"-", tokNegate},
	} {
		if strings.HasPrefix(s, sign.text) {
			return token{sign.kind, sign.text, pos}, len(sign.text), nil
		}
	}
	for _, word := range []struct {
		text string
		kind tokenKind
	}{{"not", tokNot}, {"and", tokAnd}, {"or", tokOr}} {
		if rest, ok := strings.CutPrefix(s, word.text); ok && !startsWord(rest) {
			return token{word.kind, word.text, pos}, len(word.text), nil
		}
	}
	return lexTerm(s, pos)
}

// lexTerm reads [operator:]operand, where the operand may be quoted and may
// stand apart from the colon.
func lexTerm(s string, pos int) (token, int, error) {
	text, size, err := lexOperand(s, pos)
	if err != nil {
		return token{}, 0, err
	}
	if text == "" {
		return token{}, 0, errorf("Empty quotes at position %d", pos)
	}
	if s[0] == '"' || s[0] == '\'' || !strings.HasSuffix(text, ":") {
		return token{tokTerm, text, pos}, size, nil
	}
	op := text
	rest := strings.TrimLeftFunc(s[size:], unicode.IsSpace)
	if rest == "" || strings.ContainsRune("()|&", rune(rest[0])) {
		return token{}, 0, errorf("Missing argument to token '%s'", op)
	}
	start := len(s) - len(rest)
	text, size, err = lexOperand(rest, pos+start)
	if err == nil && text == "" {
		err = errorf("Missing argument to token '%s'", op)
	}
	return token{tokTerm, op + text, pos}, start + size, err
}

// lexOperand reads a quoted string or a run of ordinary characters.
func lexOperand(s string, pos int) (string, int, error) {
	if quote := s[0]; quote == '"' || quote == '\'' {
		end := strings.IndexByte(s[1:], quote)
		if end < 0 {
			other := byte('\'')
			if quote == '\'' {
				other = '"'
			}
			return "", 0, errorf("Unclosed quote %c%c%c at position %d", other, quote, other, pos)
		}
		return s[1 : 1+end], end + 2, nil
	}
	end := strings.IndexFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune("()|&\"'", r)
	})
	if end < 0 {
		end = len(s)
	}
	return s[:end], end, nil
}

func startsWord(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return s != "" && isWord(r)
}

func isWord(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r)
}
