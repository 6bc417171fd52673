// SPDX-License-Identifier: LGPL-3.0-or-later

package jobspec

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// DefaultLabel is the label ParseShape gives the one slot that has none.
const DefaultLabel = slotLabel

// ParseShape reads the compact form of a resources list (RFC 46), such as
// "slot=4/node{-x}/[core=2;gpu]". Beside the label of a slot, the keys
// exclusive (x), unit, id and label are known.
func ParseShape(shape string) ([]Resource, error) {
	if len(shape) > MaxResourcesBytes {
		return nil, errorf("", "shape of %d bytes exceeds limit of %d", len(shape), MaxResourcesBytes)
	}
	p := shapeParser{in: shape}
	list, err := p.list(1)
	if err != nil {
		return nil, err
	}
	if p.blank(); p.pos < len(p.in) {
		return nil, p.unexpected()
	}
	if len(p.unlabeled) > 0 && p.slots > 1 {
		return nil, errorf("", "shape: Multiple slots require labels")
	}
	return list, nil
}

// MarshalResources returns the resources section of a jobspec.
func MarshalResources(list []Resource) jsontext.Value { return appendResources(nil, list) }

type shapeParser struct {
	in        string
	pos       int
	vertices  int
	slots     int
	unlabeled []int // positions of slots without a label
}

func (p *shapeParser) unexpected() error {
	if p.pos >= len(p.in) {
		return errorf("", "shape: Unexpected end of input in '%.64s'", p.in)
	}
	return errorf("", "shape: Invalid token '%c' at position %d", p.in[p.pos], p.pos)
}

func (p *shapeParser) blank() {
	p.pos = len(p.in) - len(strings.TrimLeft(p.in[p.pos:], " \t\r\n\f\v"))
}

// accept takes the character c if it comes next.
func (p *shapeParser) accept(c byte) bool {
	p.blank()
	if p.pos < len(p.in) && p.in[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

// list reads vertices in brackets, or one without.
func (p *shapeParser) list(depth int) ([]Resource, error) {
	if depth > MaxDepth {
		return nil, errorf("", "shape: nesting exceeds limit of %d", MaxDepth)
	}
	open := p.pos
	if !p.accept('[') {
		v, err := p.vertex(depth)
		return []Resource{v}, err
	}
	var out []Resource
	for {
		v, err := p.vertex(depth)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
		if p.accept(']') {
			return out, nil
		}
		if !p.accept(';') {
			if p.pos == len(p.in) {
				return nil, errorf("", "shape: Unclosed bracket in position %d", open)
			}
			return nil, p.unexpected()
		}
	}
}

func (p *shapeParser) vertex(depth int) (r Resource, err error) {
	if p.vertices++; p.vertices > MaxVertices {
		return r, errorf("", "shape: more than %d resources", MaxVertices)
	}
	start := p.pos
	if r.Type, err = p.word("={}[]/;"); err != nil {
		return r, err
	}
	if r.Type == "" {
		return r, errorf("", "shape: empty type at position %d", start)
	}
	if r.Count = Fixed(1); p.accept('=') {
		if r.Count, err = p.count(); err != nil {
			return r, err
		}
	}
	if r.Type == "slot" {
		p.slots++
	}
	if p.accept('{') {
		if err := p.dict(&r); err != nil {
			return r, err
		}
	}
	if r.Type == "slot" && r.Label == "" {
		r.Label = DefaultLabel
		p.unlabeled = append(p.unlabeled, start)
	}
	if p.accept('/') {
		r.With, err = p.list(depth + 1)
	} else if r.Type == "slot" {
		return r, p.unexpected()
	}
	return r, err
}

// word reads a string, quoted or up to one of the characters in stop.
func (p *shapeParser) word(stop string) (string, error) {
	p.blank()
	rest := p.in[p.pos:]
	if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
		end := strings.IndexByte(rest[1:], rest[0])
		if end < 0 {
			return "", errorf("", "shape: Unclosed quote %c at position %d", rest[0], p.pos)
		}
		p.pos += end + 2
		return rest[1 : end+1], nil
	}
	end := strings.IndexAny(rest, stop+" \t\r\n\f\v\"'")
	if end < 0 {
		end = len(rest)
	}
	if end == 0 {
		return "", p.unexpected()
	}
	p.pos += end
	return rest[:end], nil
}

// count reads an integer, idset or range; in brackets it may be followed by
// anything.
func (p *shapeParser) count() (Count, error) {
	p.blank()
	rest := p.in[p.pos:]
	end := strings.IndexAny(rest, "{}/;] \t\r\n\f\v")
	if strings.HasPrefix(rest, "[") {
		if end = strings.IndexByte(rest, ']'); end >= 0 {
			end++
		}
	}
	if end < 0 {
		end = len(rest)
	}
	c, bad := parseCount(rest[:end])
	if bad != nil {
		return c, errorf("", "shape: at position %d: %s", p.pos, bad.Msg)
	}
	p.pos += end
	return c, nil
}

// dict reads what stands in braces. For a slot the label comes first.
func (p *shapeParser) dict(r *Resource) error {
	if r.Type == "slot" {
		label, err := p.word(":,{}")
		if err != nil {
			return err
		}
		r.Label = label
		if p.accept('}') {
			return nil
		}
		if !p.accept(',') {
			return p.unexpected()
		}
	} else if p.accept('}') {
		return nil
	}
	for {
		if err := p.item(r); err != nil {
			return err
		}
		if p.accept('}') {
			return nil
		}
		if !p.accept(',') {
			return p.unexpected()
		}
	}
}

// item reads key:value, +key, -key or key.
func (p *shapeParser) item(r *Resource) error {
	value := "true"
	if p.accept('-') {
		value = "false"
	} else {
		p.accept('+')
	}
	key, err := p.word(":,{}")
	if err != nil {
		return err
	}
	if p.accept(':') {
		if value, err = p.word(",{}[]"); err != nil {
			return err
		}
	}
	switch key {
	case "x", "exclusive":
		x := strings.EqualFold(value, "true")
		if !x && !strings.EqualFold(value, "false") {
			return errorf("", "shape: exclusive must be a boolean (got %.64s)", value)
		}
		r.Exclusive = &x
	case "unit":
		r.Unit = value
	case "id":
		r.ID = value
	case "label":
		r.Label = value
	default:
		return errorf("", "shape: unknown key '%.64s' for %s", key, r.Type)
	}
	return nil
}
