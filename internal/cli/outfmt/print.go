// SPDX-License-Identifier: LGPL-3.0-or-later

package outfmt

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"
)

// Options change how a listing is printed.
type Options struct {
	NoHeader bool
	// Width cuts lines to that many columns; 0 is no limit.
	Width int
	// Decorate, if not nil, changes the line of item i before it is printed:
	// colours, and lines before or after it.
	Decorate func(i int, line string) string
}

// TerminalWidth is the width of the terminal that standard output is, 0 when it
// is none.
func TerminalWidth() int {
	w, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil {
		return 0
	}
	return w
}

// Print sorts items in place and prints them, a line each, below a header.
// Lines that would be blank are left out.
func Print[T Item](f *Format, w io.Writer, items []T, opt Options) error {
	fitted, err := fit(f, items, opt.NoHeader)
	if err != nil {
		return err
	}
	Sort(f, items)
	if !opt.NoHeader {
		if _, err := fmt.Fprintln(w, Limit(fitted.Header(), opt.Width)); err != nil {
			return err
		}
	}
	for i, item := range items {
		line, err := fitted.Line(item)
		if err != nil {
			return err
		}
		if strings.TrimSpace(line) == "" {
			continue
		}
		if line = Limit(line, opt.Width); opt.Decorate != nil {
			line = opt.Decorate(i, line)
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// Limit cuts a line to width columns, 0 for no limit.
func Limit(line string, width int) string {
	if width > 0 && Width(line) > width {
		return cut(line, width-1) + "+"
	}
	return line
}

// fit adapts the columns marked ?: and +: to the items.
func fit[T Item](f *Format, items []T, noHeader bool) (*Format, error) {
	g := &Format{headings: f.headings, sort: f.sort}
	for _, p := range f.pieces {
		if p.field == "" || !(p.dropEmpty || p.fitToContent) {
			g.pieces = append(g.pieces, p)
			continue
		}
		width, err := contentWidth(p, items)
		if err != nil {
			return nil, err
		}
		if width == 0 && p.dropEmpty {
			continue
		}
		if p.fitToContent {
			if !noHeader {
				width = max(width, Width(f.headings[p.field]))
			}
			p.spec.widen(width)
		}
		g.pieces = append(g.pieces, p)
	}
	return g, nil
}

// widen makes the column at least as wide as width, and its precision, if it
// has one and holds text, as wide as the column.
func (sp *spec) widen(width int) {
	sp.width = max(sp.width, width)
	sp.set = true
	if (sp.kind == 0 || sp.kind == 's') && sp.precision > 0 {
		sp.precision = max(sp.precision, sp.width)
	}
}

// contentWidth is the width of a column's widest value before its spec, 0 when
// every value is empty.
func contentWidth[T Item](p piece, items []T) (int, error) {
	width := 0
	for _, item := range items {
		v, err := convert(item.Field(p.field), p.conversion)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", p.field, err)
		}
		s := Text(v)
		if t, ok := v.(timeValue); ok {
			s = t.text(p.spec.time)
		}
		if !isEmpty(s) {
			width = max(width, Width(s))
		}
	}
	return width, nil
}

// Header is the line of column headings.
func (f *Format) Header() string {
	var b strings.Builder
	for _, p := range f.pieces {
		b.WriteString(p.text)
		if p.field == "" {
			continue
		}
		align := p.spec.align
		if align == '=' && p.spec.zero {
			align = 0
		}
		b.WriteString(pad(f.headings[p.field], p.spec.width, ' ', align))
	}
	return b.String()
}

// Line is one item's line.
func (f *Format) Line(item Item) (string, error) {
	var b strings.Builder
	for _, p := range f.pieces {
		b.WriteString(p.text)
		if p.field == "" {
			continue
		}
		v, err := convert(item.Field(p.field), p.conversion)
		if err == nil {
			var s string
			s, err = p.spec.format(v)
			b.WriteString(s)
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", p.field, err)
		}
	}
	return b.String(), nil
}

// Merge returns items with those combined into one whose lines are the same but
// for the fields named in except, in the order of each one's first.
func Merge[T Item](f *Format, items []T, except []string, combine func(into, from T)) ([]T, error) {
	key := f.Without(except...)
	for i := range key.pieces {
		if p := &key.pieces[i]; p.fitToContent {
			p.spec = spec{fill: ' ', precision: -1, time: p.spec.time}
		}
	}
	index := map[string]int{}
	var merged []T
	for _, item := range items {
		line, err := key.Line(item)
		if err != nil {
			return nil, err
		}
		if i, ok := index[line]; ok {
			combine(merged[i], item)
			continue
		}
		index[line] = len(merged)
		merged = append(merged, item)
	}
	return merged, nil
}

// Without is the format less some fields; blanks before a field go with it.
func (f *Format) Without(fields ...string) *Format {
	g := &Format{headings: f.headings, sort: f.sort}
	for _, p := range f.pieces {
		if slices.Contains(fields, p.field) {
			if strings.TrimSpace(p.text) == "" {
				continue
			}
			p = piece{text: p.text}
		}
		g.pieces = append(g.pieces, p)
	}
	return g
}
