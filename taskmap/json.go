// SPDX-License-Identifier: LGPL-3.0-or-later

package taskmap

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// parseJSON reads the plain or wrapped form.
func parseJSON(data []byte) (*Map, error) {
	d := &decoder{in: data, json: jsontext.NewDecoder(bytes.NewBuffer(data))}
	var m *Map
	var err error
	switch d.json.PeekKind() {
	case '{':
		m, err = d.wrapped()
	default:
		m, err = d.blocks()
	}
	if err != nil {
		return nil, err
	}
	if _, err := d.json.ReadToken(); err == nil {
		return nil, d.fail("more than one JSON value")
	} else if err != io.EOF {
		return nil, d.failJSON(err)
	}
	return m, nil
}

type decoder struct {
	in   []byte
	json *jsontext.Decoder
}

func (d *decoder) fail(format string, args ...any) error {
	return fail(string(d.in), int(d.json.InputOffset()), format, args...)
}

// failJSON reports an error of the JSON decoder.
func (d *decoder) failJSON(err error) error {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		return fail(string(d.in), int(syntax.ByteOffset), "%v", syntax.Err)
	}
	return d.fail("%v", err)
}

// token reads a token that must be of the given kind.
func (d *decoder) token(kind jsontext.Kind) (jsontext.Token, error) {
	tok, err := d.json.ReadToken()
	if err != nil {
		return tok, d.failJSON(err)
	}
	if tok.Kind() != kind {
		return tok, d.fail("want %v, got %v", kind, tok.Kind())
	}
	return tok, nil
}

// number reads an integer.
func (d *decoder) number() (int, error) {
	tok, err := d.token('0')
	if err != nil {
		return 0, err
	}
	n, err := tok.Int()
	if err != nil {
		return 0, d.fail("%v", err)
	}
	return int(n), nil
}

// wrapped reads {"version":1,"map":[...]}. Other keys are ignored.
func (d *decoder) wrapped() (m *Map, err error) {
	if _, err := d.token('{'); err != nil {
		return nil, err
	}
	version := 0
	for d.json.PeekKind() != '}' {
		key, err := d.token('"')
		if err != nil {
			return nil, err
		}
		switch key.String() {
		case "version":
			if version, err = d.number(); err == nil && version != 1 {
				err = d.fail("version %d, want 1", version)
			}
		case "map":
			m, err = d.blocks()
		default:
			if err = d.json.SkipValue(); err != nil {
				err = d.failJSON(err)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	if _, err := d.token('}'); err != nil {
		return nil, err
	}
	if version == 0 || m == nil {
		return nil, d.fail(`"version" or "map" is missing`)
	}
	return m, nil
}

// blocks reads [[node,nodes,ppn,repeat],...].
func (d *decoder) blocks() (*Map, error) {
	if _, err := d.token('['); err != nil {
		return nil, err
	}
	m := New()
	for d.json.PeekKind() != ']' {
		b, err := d.block()
		if err != nil {
			return nil, err
		}
		if err := m.add(b); err != nil {
			return nil, d.fail("%v", err)
		}
	}
	_, err := d.token(']')
	return m, err
}

func (d *decoder) block() (b Block, err error) {
	if _, err := d.token('['); err != nil {
		return b, err
	}
	for _, field := range []*int{&b.Node, &b.Nodes, &b.PPN, &b.Repeat} {
		if d.json.PeekKind() == ']' {
			return b, d.fail("a block has four numbers")
		}
		if *field, err = d.number(); err != nil {
			return b, err
		}
	}
	if d.json.PeekKind() == '0' {
		return b, d.fail("a block has four numbers")
	}
	_, err = d.token(']')
	return b, err
}
