// SPDX-License-Identifier: LGPL-3.0-or-later

package directives

import (
	"fmt"
	"regexp"
	"strings"
)

// Directive is the options of one directive. A directive that is a comment has
// none.
type Directive struct {
	Line int // counted from 1
	Args []string
}

// sentinel is what a directive begins with: anything but letters, digits and
// underscores, and the tag.
var sentinel = regexp.MustCompile(`^([^\pL\pN_]*)(flux:|FLUX:)(.*)$`)

// parser goes through the lines of a script.
type parser struct {
	found      []Directive
	prefix     string // before the tag, of the first directive
	tag        string
	lastBefore int // line after which directives are orphans; 0 if not yet
	multi      *multiline
}

// Parse returns the directives of a script. Errors tell the line.
func Parse(script string) ([]Directive, error) {
	p := &parser{}
	n := 0
	for line := range strings.Lines(script) {
		n++
		if err := p.line(n, strings.TrimSuffix(line, "\n")); err != nil {
			return nil, err
		}
	}
	if p.multi != nil {
		return nil, p.multi.unterminated(n)
	}
	return p.found, nil
}

func (p *parser) line(n int, line string) error {
	m := sentinel.FindStringSubmatch(line)
	if m == nil {
		return p.otherLine(n, line)
	}
	prefix, tag, value := m[1], m[2], m[3]
	switch {
	case p.lastBefore > 0:
		return fmt.Errorf("line %d: orphan '%s' detected: directives disabled after line %d", n, tag, p.lastBefore)
	case p.tag == "":
		p.prefix, p.tag = prefix, tag
	case p.prefix+p.tag != prefix+tag:
		return changed(n, p.prefix+p.tag, prefix+tag, value)
	}
	if p.multi == nil {
		return p.directive(n, value)
	}
	if !p.multi.add(value) {
		return nil
	}
	m2 := p.multi
	p.multi = nil
	return p.lex(m2.line, m2.head, m2.text(), true)
}

// otherLine handles a line without directive. The first one that does not
// begin like the directives, and is not blank, ends them.
func (p *parser) otherLine(n int, line string) error {
	if p.multi != nil {
		return p.multi.unterminated(n)
	}
	if p.tag != "" && p.lastBefore == 0 && strings.TrimSpace(line) != "" &&
		!strings.HasPrefix(line, strings.TrimRight(p.prefix, " \t")) {
		p.lastBefore = n - 1
	}
	return nil
}

func (p *parser) directive(n int, value string) error {
	if head, quote, opens := opensMultiline(value); opens {
		p.multi = &multiline{line: n, head: head, quote: quote}
		p.multi.indent = value[:len(value)-len(strings.TrimLeft(value, " \t"))]
		return nil
	}
	return p.lex(n, value, "", false)
}

// lex splits a directive; what is quoted over several lines ends its last word.
func (p *parser) lex(n int, value, quoted string, hasQuoted bool) error {
	args, err := split(value, quoted, hasQuoted)
	if err != nil {
		return fmt.Errorf("line %d: %w", n, err)
	}
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		return fmt.Errorf("line %d: Unknown directive: %s", n, value)
	}
	p.found = append(p.found, Directive{n, args})
	return nil
}

func changed(n int, was, is, value string) error {
	return fmt.Errorf(`line %d: sentinel changed from '%s' to '%s'

All directives in a file must use the same sentinel. To disable a directive, put
a # after the sentinel, not before it:

  %s # %s`, n, was, is, was, strings.TrimSpace(value))
}

// multiline is a triple-quoted string over several lines.
type multiline struct {
	line   int
	head   string // before the quotes
	quote  string
	indent string
	lines  []string
}

// opensMultiline tells whether a line ends with triple quotes that are not
// closed on it.
func opensMultiline(value string) (head, quote string, opens bool) {
	for _, quote := range []string{`"""`, `'''`} {
		if head, ok := strings.CutSuffix(value, quote); ok && strings.Count(value, quote)%2 == 1 {
			return head, quote, true
		}
	}
	return "", "", false
}

// add adds a line; it returns whether that was the last.
func (m *multiline) add(value string) (closed bool) {
	value, closed = strings.CutSuffix(value, m.quote)
	m.lines = append(m.lines, strings.TrimPrefix(value, m.indent))
	return closed
}

func (m *multiline) text() string { return strings.Join(m.lines, "\n") }

func (m *multiline) unterminated(n int) error {
	return fmt.Errorf("line %d: unterminated multi-line quote at line %d: `%s'", n, m.line, strings.TrimSpace(m.head))
}
