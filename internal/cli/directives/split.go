// SPDX-License-Identifier: LGPL-3.0-or-later

package directives

import (
	"fmt"
	"strings"
)

// splitter splits a line into words as a shell does, and knows triple quotes.
type splitter struct {
	rest  string
	words []string
	word  strings.Builder
	open  bool // a word has begun
}

// split splits a directive at white space. A # outside of quotes begins a
// comment. If hasQuoted, quoted belongs to the word that value ends with.
func split(value, quoted string, hasQuoted bool) ([]string, error) {
	s := &splitter{rest: value}
	for s.rest != "" {
		if err := s.step(); err != nil {
			return nil, fmt.Errorf("%s: %w", strings.TrimSpace(value), err)
		}
	}
	if hasQuoted {
		s.word.WriteString(quoted)
		s.open = true
	}
	s.end()
	return s.words, nil
}

// Words splits a line at white space as a shell does. A # outside of quotes
// begins a comment.
func Words(line string) ([]string, error) { return split(line, "", false) }

func (s *splitter) end() {
	if s.open {
		s.words = append(s.words, s.word.String())
		s.word.Reset()
		s.open = false
	}
}

// step handles what the rest begins with.
func (s *splitter) step() error {
	c := s.rest[0]
	switch {
	case strings.HasPrefix(s.rest, `"""`), strings.HasPrefix(s.rest, `'''`):
		return s.triple(s.rest[:3])
	case c == '"' || c == '\'':
		return s.quoted(c)
	case c == ' ' || c == '\t' || c == '\r':
		s.end()
		s.rest = s.rest[1:]
		return nil
	case c == '#':
		s.end()
		s.rest = ""
		return nil
	case c == '\\':
		if len(s.rest) < 2 {
			return fmt.Errorf("No escaped character")
		}
		s.rest = s.rest[1:]
	}
	s.open = true
	s.word.WriteByte(s.rest[0])
	s.rest = s.rest[1:]
	return nil
}

// triple takes everything between triple quotes as it is.
func (s *splitter) triple(quote string) error {
	text, rest, closed := strings.Cut(s.rest[3:], quote)
	if !closed {
		return fmt.Errorf("unclosed triple quote: %s", strings.TrimSpace(s.rest))
	}
	s.open = true
	s.word.WriteString(text)
	s.rest = rest
	return nil
}

// quoted takes what is between quotes, in which a backslash escapes the quote
// and itself.
func (s *splitter) quoted(quote byte) error {
	s.open = true
	for i := 1; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == quote:
			s.rest = s.rest[i+1:]
			return nil
		case c == '\\' && i+1 < len(s.rest) && (s.rest[i+1] == quote || s.rest[i+1] == '\\'):
			i++
			s.word.WriteByte(s.rest[i])
		default:
			s.word.WriteByte(c)
		}
	}
	return fmt.Errorf("No closing quotation")
}
