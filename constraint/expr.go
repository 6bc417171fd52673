// SPDX-License-Identifier: LGPL-3.0-or-later

package constraint

import "github.com/go-json-experiment/json/jsontext"

// The logical operators of RFC 31, handled here for every kind of subject.
const (
	And = "and"
	Or  = "or"
	Not = "not"
)

// Leaf decides whether one subject matches one operator's values.
type Leaf[T any] func(T) bool

// Expr is a parsed constraint over subjects of type T. The nil Expr and the
// empty constraint {} match everything.
type Expr[T any] struct {
	op     string
	args   []*Expr[T]
	values jsontext.Value
	leaf   Leaf[T]
}

// Op returns the operator's name, "" for the empty constraint.
func (e *Expr[T]) Op() string {
	if e == nil {
		return ""
	}
	return e.op
}

// Args returns the operands of and, or and not; nil for a leaf. The slice
// belongs to e.
func (e *Expr[T]) Args() []*Expr[T] {
	if e == nil {
		return nil
	}
	return e.args
}

// Values returns the JSON array of a leaf's values, compact. It belongs to e.
func (e *Expr[T]) Values() jsontext.Value {
	if e == nil {
		return nil
	}
	return e.values
}

// IsLogical reports whether e is an and, or or not.
func (e *Expr[T]) IsLogical() bool {
	op := e.Op()
	return op == And || op == Or || op == Not
}

// Match evaluates the constraint for one subject. As RFC 31 has it, and and or
// without operands are true, not without operands is false; not with several
// operands denies their conjunction.
func (e *Expr[T]) Match(subject T) bool {
	switch e.Op() {
	case "":
		return true
	case And:
		return e.all(subject)
	case Or:
		return len(e.args) == 0 || e.any(subject)
	case Not:
		return !e.all(subject)
	}
	return e.leaf(subject)
}

func (e *Expr[T]) all(subject T) bool {
	for _, arg := range e.args {
		if !arg.Match(subject) {
			return false
		}
	}
	return true
}

func (e *Expr[T]) any(subject T) bool {
	for _, arg := range e.args {
		if arg.Match(subject) {
			return true
		}
	}
	return false
}

// MarshalJSON returns the constraint object in compact form. Equal forms mean
// equal constraints, so it serves as a cache key too.
func (e *Expr[T]) MarshalJSON() ([]byte, error) {
	return e.append(nil), nil
}

// String returns the compact constraint object.
func (e *Expr[T]) String() string { return string(e.append(nil)) }

func (e *Expr[T]) append(dst []byte) []byte {
	if e.Op() == "" {
		return append(dst, "{}"...)
	}
	dst = append(dst, '{')
	// A name that was parsed from valid JSON can always be quoted again.
	dst, _ = jsontext.AppendQuote(dst, e.op)
	dst = append(dst, ':')
	if !e.IsLogical() {
		dst = append(dst, e.values...)
		return append(dst, '}')
	}
	dst = append(dst, '[')
	for i, arg := range e.args {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = arg.append(dst)
	}
	return append(dst, ']', '}')
}
