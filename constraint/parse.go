// SPDX-License-Identifier: LGPL-3.0-or-later

package constraint

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Operator checks the values of a leaf named op and returns what decides it.
// values is what stood beside the name, of any JSON kind; [Strings] serves
// where an array of strings is wanted.
type Operator[T any] func(op string, values jsontext.Value) (Leaf[T], error)

// Operators are the leaves a constraint may have, by name.
type Operators[T any] map[string]Operator[T]

// ParseWith parses a constraint object (RFC 31) whose leaves are ops. The
// words of its errors are those users of Flux know, such as
// "unknown constraint operator: foo".
func ParseWith[T any](raw []byte, ops Operators[T]) (*Expr[T], error) {
	if len(raw) > MaxBytes {
		return nil, errorf("constraint of %d bytes exceeds limit of %d", len(raw), MaxBytes)
	}
	p := parser[T]{ops: ops, dec: jsontext.NewDecoder(bytes.NewBuffer(raw))}
	e, err := p.object("", 1)
	if err == nil {
		err = p.end()
	}
	if err != nil {
		return nil, err
	}
	return e, nil
}

type parser[T any] struct {
	ops  Operators[T]
	dec  *jsontext.Decoder
	seen int // operators so far
}

// end refuses anything after the object.
func (p *parser[T]) end() error {
	if _, err := p.dec.ReadToken(); err != io.EOF {
		return errorf("constraint: invalid JSON: trailing data")
	}
	return nil
}

func (p *parser[T]) object(path string, depth int) (*Expr[T], error) {
	if depth > MaxDepth {
		return nil, at(path, errorf("constraint nesting exceeds limit of %d", MaxDepth))
	}
	if kind := p.dec.PeekKind(); kind != jsontext.KindBeginObject {
		if kind == jsontext.KindInvalid {
			return nil, at(path, p.invalid())
		}
		return nil, at(path, errorf("constraint must be JSON object"))
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return nil, at(path, badJSON(err))
	}
	if p.dec.PeekKind() == jsontext.KindEndObject {
		_, err := p.dec.ReadToken()
		return &Expr[T]{}, err
	}
	name, err := p.dec.ReadToken()
	if err != nil {
		return nil, at(path, badJSON(err))
	}
	op := name.String()
	path += "." + op
	if p.seen++; p.seen > MaxOperators {
		return nil, at(path, errorf("constraint has more than %d operators", MaxOperators))
	}
	e, err := p.operator(op, path, depth)
	if err != nil {
		return nil, at(path, err)
	}
	switch p.dec.PeekKind() {
	case jsontext.KindEndObject:
		_, err = p.dec.ReadToken()
		return e, err
	case jsontext.KindInvalid:
		return nil, at(path, p.invalid())
	}
	return nil, at(path, errorf("constraint must only contain 1 element"))
}

func (p *parser[T]) operator(op, path string, depth int) (*Expr[T], error) {
	switch op {
	case And, Or, Not:
		return p.logical(op, path, depth)
	}
	create := p.ops[op]
	if create == nil {
		return nil, errorf("unknown constraint operator: %s", op)
	}
	raw, err := p.dec.ReadValue()
	if err != nil {
		return nil, badJSON(err)
	}
	values := raw.Clone()
	if err := values.Compact(); err != nil {
		return nil, badJSON(err)
	}
	leaf, err := create(op, values)
	if err != nil {
		return nil, err
	}
	return &Expr[T]{op: op, values: values, leaf: leaf}, nil
}

func (p *parser[T]) logical(op, path string, depth int) (*Expr[T], error) {
	switch p.dec.PeekKind() {
	case jsontext.KindBeginArray:
	case jsontext.KindInvalid:
		return nil, p.invalid()
	default:
		return nil, errorf("%s operator value must be an array", op)
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return nil, badJSON(err)
	}
	e := &Expr[T]{op: op}
	for p.dec.PeekKind() != jsontext.KindEndArray {
		arg, err := p.object(fmt.Sprintf("%s[%d]", path, len(e.args)), depth+1)
		if err != nil {
			return nil, err
		}
		e.args = append(e.args, arg)
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return nil, badJSON(err)
	}
	return e, nil
}

// invalid returns the error that stands at the read position.
func (p *parser[T]) invalid() error {
	_, err := p.dec.ReadToken()
	return badJSON(err)
}

func badJSON(err error) error { return errorf("constraint: invalid JSON: %v", err) }

// at notes where an error arose, unless it already knows better.
func at(path string, err error) error {
	var e *Error
	if errors.As(err, &e) {
		if e.Path == "" {
			e.Path = path
		}
		return err
	}
	return &Error{Path: path, Msg: err.Error()}
}

// Strings decodes a leaf's values as an array of strings.
func Strings(op string, values jsontext.Value) ([]string, error) {
	if values.Kind() != jsontext.KindBeginArray {
		return nil, errorf("%s value must be an array", op)
	}
	var out []string
	if err := json.Unmarshal(values, &out); err != nil {
		return nil, errorf("%s value must be an array of strings", op)
	}
	return out, nil
}
