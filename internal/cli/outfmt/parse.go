// SPDX-License-Identifier: LGPL-3.0-or-later

package outfmt

import (
	"fmt"
	"slices"
	"strings"
)

// MaxFields bounds the fields of one format: more than any row can show.
const MaxFields = 1000

// Item is a row of a listing: the value of a field, nil for what is not there.
type Item interface{ Field(name string) any }

// ItemFunc makes an Item of a function.
type ItemFunc func(name string) any

// Field calls f.
func (f ItemFunc) Field(name string) any { return f(name) }

// Format is a parsed format string.
type Format struct {
	headings map[string]string
	pieces   []piece
	sort     []sortKey
}

// piece is literal text and the field that follows it, if any.
type piece struct {
	text         string
	field        string // "" for text at the end
	conversion   byte   // 0 for none
	spec         spec
	dropEmpty    bool // ?: and ?+:
	fitToContent bool // +: and ?+:
}

type sortKey struct {
	field   string
	reverse bool
}

// Parse reads a format string. headings names every known field with the text
// that heads its column.
func Parse(format string, headings map[string]string) (*Format, error) {
	f := &Format{headings: headings}
	if keys, rest, ok := cutSort(format); ok {
		if err := f.SetSort(keys); err != nil {
			return nil, err
		}
		format = rest
	}
	for format != "" {
		p, rest, err := parsePiece(format)
		if err != nil {
			return nil, err
		}
		if p.field != "" {
			if _, ok := headings[p.field]; !ok {
				return nil, fmt.Errorf("Unknown format field: %s", p.field)
			}
		}
		if f.pieces = append(f.pieces, p); len(f.pieces) > MaxFields {
			return nil, fmt.Errorf("more than %d fields in a format", MaxFields)
		}
		format = rest
	}
	return f, nil
}

// cutSort splits the prefix "sort:KEY,... " from a format.
func cutSort(format string) (keys, rest string, ok bool) {
	format, ok = strings.CutPrefix(format, "sort:")
	if !ok {
		return "", "", false
	}
	end := strings.IndexFunc(format, func(r rune) bool {
		return !(r == ',' || r == '-' || r == '.' || r == '_' ||
			r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	})
	if end < 0 {
		end = len(format)
	}
	return format[:end], strings.TrimPrefix(format[end:], " "), true
}

// parsePiece reads literal text and the replacement field after it.
func parsePiece(format string) (p piece, rest string, err error) {
	var text strings.Builder
	for format != "" {
		c := format[0]
		if c != '{' && c != '}' {
			text.WriteByte(c)
			format = format[1:]
			continue
		}
		if len(format) > 1 && format[1] == c {
			text.WriteByte(c)
			format = format[2:]
			continue
		}
		if c == '}' {
			return p, "", fmt.Errorf("Single '}' encountered in format string")
		}
		end := strings.IndexByte(format, '}')
		if end < 0 {
			return p, "", fmt.Errorf("expected '}' before end of string")
		}
		p.text = text.String()
		p.cutPrefix()
		return p, format[end+1:], p.parseField(format[1:end])
	}
	p.text = text.String()
	return p, "", nil
}

// cutPrefix takes the marks for the field from the end of the text before it.
func (p *piece) cutPrefix() {
	for _, mark := range []struct {
		text       string
		drop, wide bool
	}{{"?+:", true, true}, {"?:", true, false}, {"+:", false, true}} {
		if text, ok := strings.CutSuffix(p.text, mark.text); ok {
			p.text, p.dropEmpty, p.fitToContent = text, mark.drop, mark.wide
			return
		}
	}
}

// parseField reads what is between braces: NAME[!CONVERSION][:SPEC].
func (p *piece) parseField(s string) error {
	i := strings.IndexAny(s, "!:")
	if i < 0 {
		i = len(s)
	}
	if p.field = s[:i]; p.field == "" || strings.Contains(p.field, "{") {
		return fmt.Errorf("a field without a name: {%s}", s)
	}
	rest := s[i:]
	if strings.HasPrefix(rest, "!") {
		if len(rest) < 2 || strings.IndexByte(conversions, rest[1]) < 0 {
			return fmt.Errorf("Unknown conversion specifier '%s' in {%s}", strings.TrimPrefix(rest, "!"), s)
		}
		p.conversion = rest[1]
		if rest = rest[2:]; rest != "" && rest[0] != ':' {
			return fmt.Errorf("expected ':' after conversion specifier in {%s}", s)
		}
	}
	var err error
	p.spec, err = parseSpec(strings.TrimPrefix(rest, ":"), p.conversion == 'd')
	if err != nil {
		return fmt.Errorf("%w in {%s}", err, s)
	}
	return nil
}

// Fields are the names of the fields that are shown or sorted by.
func (f *Format) Fields() []string {
	var names []string
	for _, p := range f.pieces {
		if p.field != "" {
			names = append(names, p.field)
		}
	}
	for _, k := range f.sort {
		names = append(names, k.field)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Has tells whether a field is shown.
func (f *Format) Has(field string) bool {
	return slices.ContainsFunc(f.pieces, func(p piece) bool { return p.field == field })
}
