// SPDX-License-Identifier: LGPL-3.0-or-later

package constraint

import "github.com/go-json-experiment/json/jsontext"

// term is a query's constraint while it is being put together.
type term struct {
	op     string
	args   []*term  // of and, or, not
	values []string // of anything else
}

func (t *term) append(dst []byte) []byte {
	dst = append(dst, '{')
	dst = appendString(dst, t.op)
	dst = append(dst, ':', '[')
	for i, arg := range t.args {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = arg.append(dst)
	}
	for i, v := range t.values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, v)
	}
	return append(dst, ']', '}')
}

// appendString quotes s, which is valid UTF-8: the query was checked.
func appendString(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}

// joinOr keeps a chain of alternatives flat.
func joinOr(left, right *term) *term {
	if left.op == Or && left.args != nil {
		left.args = append(left.args, right)
		return left
	}
	return &term{op: Or, args: []*term{left, right}}
}

// joinAnd keeps a chain of conditions flat and merges values where the syntax
// says so.
func (q *queryParser) joinAnd(left, right *term) *term {
	if left.op == And && left.args != nil {
		left.args = append(left.args, right)
		return left
	}
	if left.op == right.op && q.syntax.Combine[left.op] {
		left.values = append(left.values, right.values...)
		return left
	}
	return &term{op: And, args: []*term{left, right}}
}
