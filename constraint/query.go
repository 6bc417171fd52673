// SPDX-License-Identifier: LGPL-3.0-or-later

package constraint

import (
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Syntax is one use of the query language of RFC 35.
type Syntax struct {
	// Default is the operator of a term that names none; empty means every
	// term must name one.
	Default string
	// Aliases maps what people write before the colon to an operator. Names
	// not listed stand for themselves.
	Aliases map[string]string
	// Split maps an operator to the separator on which its operand becomes
	// several values.
	Split map[string]string
	// Combine lists operators whose values merge when two such terms are
	// joined by AND.
	Combine map[string]bool
}

// Requires is the syntax of the --requires option: bare words are properties.
var Requires = Syntax{
	Default: "properties",
	Aliases: map[string]string{"host": "hostlist", "hosts": "hostlist", "rank": "ranks"},
	Split:   map[string]string{"properties": ","},
	Combine: map[string]bool{"properties": true},
}

// Parse compiles a query to a compact constraint object (RFC 31). Which
// operators exist and what their values may be is not its business: a job's
// constraint is judged where it is used.
func (s Syntax) Parse(query string) (jsontext.Value, error) {
	if len(query) > MaxBytes {
		return nil, errorf("query of %d bytes exceeds limit of %d", len(query), MaxBytes)
	}
	if !utf8.ValidString(query) {
		return nil, errorf("query is not valid UTF-8")
	}
	tokens, err := lex(query)
	if err != nil {
		return nil, err
	}
	q := queryParser{syntax: s, query: query, tokens: tokens}
	e, err := q.or(1)
	if err != nil {
		return nil, err
	}
	if tok := q.peek(); tok.kind != tokEnd {
		return nil, q.unexpected(tok)
	}
	return e.append(nil), nil
}

type queryParser struct {
	syntax Syntax
	query  string
	tokens []token
	next   int
	parens []int // positions of the parentheses that are open
	terms  int
}

func (q *queryParser) peek() token { return q.tokens[q.next] }

func (q *queryParser) take() token {
	t := q.tokens[q.next]
	if t.kind != tokEnd {
		q.next++
	}
	return t
}

func (q *queryParser) unexpected(t token) error {
	switch {
	case t.kind == tokEnd && len(q.parens) > 0:
		return errorf("Unclosed parenthesis in position %d", q.parens[len(q.parens)-1])
	case t.kind == tokEnd:
		return errorf("Unexpected end of input in '%s'", q.query)
	case t.kind == tokClose && len(q.parens) == 0:
		return errorf("Mismatched parentheses starting at position %d.", t.pos)
	}
	return errorf("Invalid token '%s' at position %d", t.text, t.pos)
}

// or parses expr (OR expr)*.
func (q *queryParser) or(depth int) (*term, error) {
	left, err := q.and(depth)
	for err == nil && q.peek().kind == tokOr {
		q.take()
		var right *term
		if right, err = q.and(depth); err == nil {
			left = joinOr(left, right)
		}
	}
	return left, err
}

// and parses expr (AND? expr)*: terms side by side are joined by AND.
func (q *queryParser) and(depth int) (*term, error) {
	left, err := q.unary(depth)
	for err == nil {
		switch q.peek().kind {
		case tokAnd:
			q.take()
		case tokTerm, tokNot, tokNegate, tokOpen:
		default:
			return left, nil
		}
		var right *term
		if right, err = q.unary(depth); err == nil {
			left = q.joinAnd(left, right)
		}
	}
	return left, err
}

func (q *queryParser) unary(depth int) (*term, error) {
	if depth > MaxDepth {
		return nil, errorf("query nesting exceeds limit of %d", MaxDepth)
	}
	t := q.take()
	switch t.kind {
	case tokTerm:
		return q.term(t)
	case tokNegate:
		// Only a term may follow: -(a|b) is an error (RFC 35).
		if t = q.take(); t.kind != tokTerm {
			return nil, q.unexpected(t)
		}
		e, err := q.term(t)
		return &term{op: Not, args: []*term{e}}, err
	case tokNot:
		e, err := q.unary(depth + 1)
		return &term{op: Not, args: []*term{e}}, err
	case tokOpen:
		return q.group(t, depth)
	}
	return nil, q.unexpected(t)
}

func (q *queryParser) group(open token, depth int) (*term, error) {
	q.parens = append(q.parens, open.pos)
	e, err := q.or(depth + 1)
	if err != nil {
		return nil, err
	}
	if t := q.take(); t.kind != tokClose {
		return nil, q.unexpected(t)
	}
	q.parens = q.parens[:len(q.parens)-1]
	return e, nil
}

func (q *queryParser) term(t token) (*term, error) {
	if q.terms++; q.terms > MaxOperators {
		return nil, errorf("query has more than %d terms", MaxOperators)
	}
	op, value, named := strings.Cut(t.text, ":")
	if !named {
		if q.syntax.Default == "" {
			return nil, errorf("Missing required operator in \"%s\"", t.text)
		}
		op, value = q.syntax.Default, t.text
	} else if full, ok := q.syntax.Aliases[op]; ok {
		op = full
	}
	if r, bad := invalidOperator(op); bad {
		return nil, errorf("invalid character '%c' in operator '%s:'", r, op)
	}
	if sep := q.syntax.Split[op]; sep != "" {
		return &term{op: op, values: strings.Split(value, sep)}, nil
	}
	return &term{op: op, values: []string{value}}, nil
}

// invalidOperator finds the first character that no operator's name has.
func invalidOperator(op string) (rune, bool) {
	for _, r := range op {
		if !isWord(r) && !strings.ContainsRune(".+@-", r) {
			return r, true
		}
	}
	return 0, false
}
