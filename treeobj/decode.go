// SPDX-License-Identifier: LGPL-3.0-or-later

package treeobj

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth bounds how deep Decode lets directories be within one another. It
// is what flux-core can read, and no key goes deeper in practice.
const MaxDepth = 1000

// ParseError says what is wrong with the bytes of an object, and where.
type ParseError struct {
	Offset int    // bytes before the place in question
	Path   string // the same place as a JSON pointer, RFC 6901
	Reason string
}

// Error tells place and reason in one line.
func (e *ParseError) Error() string {
	return fmt.Sprintf("tree object: at position %d (%q): %s", e.Offset+1, cut(e.Path), e.Reason)
}

// Decode reads one object with all within it. The error is a *ParseError.
func Decode(data []byte) (Object, error) {
	d := &decoder{json: jsontext.NewDecoder(bytes.NewBuffer(data))}
	o, err := d.object(0)
	if err != nil {
		return nil, err
	}
	if _, err := d.json.ReadToken(); err == nil {
		return nil, d.fail("more than one JSON value")
	} else if err != io.EOF {
		return nil, d.failJSON(err)
	}
	return o, nil
}

type decoder struct{ json *jsontext.Decoder }

func (d *decoder) fail(format string, args ...any) error {
	return &ParseError{
		Offset: int(d.json.InputOffset()),
		Path:   string(d.json.StackPointer()),
		Reason: fmt.Sprintf(format, args...),
	}
}

// failJSON reports an error of the JSON decoder.
func (d *decoder) failJSON(err error) error {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		return &ParseError{Offset: int(syntax.ByteOffset), Path: string(syntax.JSONPointer), Reason: syntax.Err.Error()}
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

// draft is an object whose kind may not be known yet: the canonical order has
// "data" before "type". What "data" looks like narrows it down, so that it can
// be read once, at first sight.
type draft struct {
	ver, kind bool // these keys were there
	object    Kind

	// One of these, by what "data" was; text is nil if it was no string.
	data  byte // its kind of JSON: '"', '[' or '{'; 0 if there was no "data"
	text  []byte
	refs  []string
	dir   *Dir
	words map[string]string // string members of "data": those of a symlink
}

// object reads one object, depth directories deep.
func (d *decoder) object(depth int) (Object, error) {
	if depth > MaxDepth {
		return nil, d.fail("directories are more than %d deep", MaxDepth)
	}
	if _, err := d.token('{'); err != nil {
		return nil, err
	}
	var o draft
	for d.json.PeekKind() != '}' {
		if err := d.member(&o, depth); err != nil {
			return nil, err
		}
	}
	if _, err := d.token('}'); err != nil {
		return nil, err
	}
	obj, err := o.finish()
	if err != nil {
		return nil, d.fail("%v", err)
	}
	return obj, nil
}

// member reads one key of an object and its value.
func (d *decoder) member(o *draft, depth int) error {
	key, err := d.token('"')
	if err != nil {
		return err
	}
	switch name := key.String(); name {
	case "ver":
		o.ver = true
		tok, err := d.token('0')
		if err != nil {
			return err
		}
		if tok.String() != "1" {
			return d.fail("version %s, want %d", cut(tok.String()), version)
		}
		return nil
	case "type":
		o.kind = true
		tok, err := d.token('"')
		o.object = Kind(tok.String())
		return err
	case "data":
		return d.data(o, depth)
	default:
		return d.fail("unknown key %q", cut(name))
	}
}

// data reads the value of "data".
func (d *decoder) data(o *draft, depth int) error {
	kind := d.json.PeekKind()
	o.data = byte(kind)
	switch kind {
	case '"':
		tok, err := d.token('"')
		o.text = []byte(tok.String())
		return err
	case '[':
		return d.blobrefs(o)
	case '{':
		return d.members(o, depth)
	}
	if _, err := d.json.ReadToken(); err != nil {
		return d.failJSON(err)
	}
	return d.fail("data is neither string nor array nor object")
}

// blobrefs reads an array of blobrefs.
func (d *decoder) blobrefs(o *draft) error {
	if _, err := d.token('['); err != nil {
		return err
	}
	for d.json.PeekKind() != ']' {
		tok, err := d.token('"')
		if err != nil {
			return err
		}
		ref := tok.String()
		if err := CheckBlobref(ref); err != nil {
			return d.fail("%v", err)
		}
		o.refs = append(o.refs, ref)
	}
	_, err := d.token(']')
	return err
}

// members reads the members of "data": objects are entries of a directory,
// strings are what a symlink has.
func (d *decoder) members(o *draft, depth int) error {
	if _, err := d.token('{'); err != nil {
		return err
	}
	o.dir = NewDir()
	for d.json.PeekKind() != '}' {
		tok, err := d.token('"')
		if err != nil {
			return err
		}
		name := tok.String()
		if d.json.PeekKind() != '"' {
			entry, err := d.object(depth + 1)
			if err != nil {
				return err
			}
			o.dir.entries.Load(name, entry)
			continue
		}
		word, err := d.token('"')
		if err != nil {
			return err
		}
		if name != "namespace" && name != "target" {
			return d.fail("want an object")
		}
		if o.words == nil {
			o.words = map[string]string{}
		}
		o.words[name] = word.String()
	}
	_, err := d.token('}')
	return err
}

// shape is what "data" begins with.
var shape = map[Kind]byte{KindVal: '"', KindValref: '[', KindDirref: '[', KindDir: '{', KindSymlink: '{'}

// finish makes the object of what was read.
func (o *draft) finish() (Object, error) {
	switch {
	case !o.ver:
		return nil, errors.New(`"ver" is missing`)
	case !o.kind:
		return nil, errors.New(`"type" is missing`)
	case o.data == 0:
		return nil, errors.New(`"data" is missing`)
	}
	want, known := shape[o.object]
	switch {
	case o.object == "hdir":
		return nil, errors.New("type hdir is not implemented")
	case !known:
		return nil, fmt.Errorf("unknown type %q", cut(string(o.object)))
	case want != o.data:
		return nil, fmt.Errorf("data of a %s must begin with %q", o.object, want)
	}
	return o.make()
}

// make is finish for data of the right shape.
func (o *draft) make() (Object, error) {
	var obj Object
	switch o.object {
	case KindVal:
		data, err := base64.StdEncoding.Strict().DecodeString(string(o.text))
		if err != nil {
			return nil, fmt.Errorf("data of a val: %w", err)
		}
		return Val{Data: data}, nil
	case KindValref:
		obj = Valref{Refs: o.refs}
	case KindDirref:
		obj = Dirref{Refs: o.refs}
	case KindDir:
		if len(o.words) > 0 {
			return nil, errors.New("an entry of a dir is a string, want an object")
		}
		return o.dir, nil // its entries are checked already
	case KindSymlink:
		if o.dir.Len() > 0 {
			return nil, errors.New("a symlink has namespace and target only")
		}
		obj = Symlink{Namespace: o.words["namespace"], Target: o.words["target"]}
	}
	return obj, obj.check()
}
