// SPDX-License-Identifier: LGPL-3.0-or-later

package constraint

import (
	"errors"
	"syscall"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

// TestQueryRFC35 are the examples of RFC 35, plus what its text says.
func TestQueryRFC35(t *testing.T) {
	syntax := Syntax{Default: "name"}
	for _, tc := range []struct{ query, want string }{
		{`foo`, `{"name":["foo"]}`},
		{`foo bar`, `{"and":[{"name":["foo"]},{"name":["bar"]}]}`},
		{`foo bar state:started`, `{"and":[{"name":["foo"]},{"name":["bar"]},{"state":["started"]}]}`},
		{`a|b|c`, `{"or":[{"name":["a"]},{"name":["b"]},{"name":["c"]}]}`},
		{`a|b&c`, `{"or":[{"name":["a"]},{"and":[{"name":["b"]},{"name":["c"]}]}]}`},
		{`(a|b)&c`, `{"and":[{"or":[{"name":["a"]},{"name":["b"]}]},{"name":["c"]}]}`},
		{`(a|-b)&c`, `{"and":[{"or":[{"name":["a"]},{"not":[{"name":["b"]}]}]},{"name":["c"]}]}`},
		{`foo:'this is args'`, `{"foo":["this is args"]}`},
		{`-op:operand`, `{"not":[{"op":["operand"]}]}`},
		{`not op:operand`, `{"not":[{"op":["operand"]}]}`},
		{`a and b or c && d || not e`, `{"or":[{"and":[{"name":["a"]},{"name":["b"]}]},{"and":[{"name":["c"]},{"name":["d"]}]},{"not":[{"name":["e"]}]}]}`},
		{`a|b c`, `{"or":[{"name":["a"]},{"and":[{"name":["b"]},{"name":["c"]}]}]}`},
		{`not a b`, `{"and":[{"not":[{"name":["a"]}]},{"name":["b"]}]}`},
		{`notable|order|android`, `{"or":[{"name":["notable"]},{"name":["order"]},{"name":["android"]}]}`},
		{`test[1-4]`, `{"name":["test[1-4]"]}`},
		{`t: "11:00 am"`, `{"t":["11:00 am"]}`},
	} {
		got, err := syntax.Parse(tc.query)
		if err != nil || string(got) != tc.want {
			t.Errorf("%s:\n got %s (%v)\nwant %s", tc.query, got, err, tc.want)
		}
	}
}

func TestRequires(t *testing.T) {
	for _, tc := range []struct{ query, want string }{
		{`host:test1 and not rank:0`, `{"and":[{"hostlist":["test1"]},{"not":[{"ranks":["0"]}]}]}`},
		{`ssd,big ib`, `{"properties":["ssd","big","ib"]}`},
		{`^slow`, `{"properties":["^slow"]}`},
		{`hosts:a[1-2]|ssd`, `{"or":[{"hostlist":["a[1-2]"]},{"properties":["ssd"]}]}`},
		{`-(a|b)`, ``},
	} {
		got, _ := Requires.Parse(tc.query)
		if string(got) != tc.want {
			t.Errorf("%s: got %s want %s", tc.query, got, tc.want)
		}
	}
}

func TestQueryErrors(t *testing.T) {
	for _, tc := range []struct {
		syntax      Syntax
		query, want string
	}{
		{Requires, `(a`, `Unclosed parenthesis in position 0`},
		{Requires, `(a))`, `Mismatched parentheses starting at position 3.`},
		{Requires, `a|`, `Unexpected end of input in 'a|'`},
		{Requires, ``, `Unexpected end of input in ''`},
		{Requires, `foo and a:`, `Missing argument to token 'a:'`},
		{Requires, `a:' `, `Unclosed quote "'" at position 2`},
		{Requires, `4g,host:foo`, `invalid character ',' in operator '4g,host:'`},
		{Requires, `-(a|b)`, `Invalid token '(' at position 1`},
		{Requires, `a & | b`, `Invalid token '|' at position 4`},
		{Syntax{}, `a`, `Missing required operator in "a"`},
	} {
		_, err := tc.syntax.Parse(tc.query)
		if err == nil || err.Error() != tc.want || !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%q: got %v want %s", tc.query, err, tc.want)
		}
	}
}

// TestQueryDeepNesting: depth is refused, not survived by luck.
func TestQueryDeepNesting(t *testing.T) {
	for _, unit := range []string{"(", "not "} {
		deep := ""
		for range 10 * MaxDepth {
			deep += unit
		}
		if _, err := Requires.Parse(deep + "a"); err == nil {
			t.Errorf("%q nested %d deep was accepted", unit, 10*MaxDepth)
		}
	}
}

// queryOf writes a query and the object it must compile to.
func queryOf(depth int) *rapid.Generator[[2]string] {
	return rapid.Custom(func(t *rapid.T) [2]string {
		kind := rapid.IntRange(0, 3).Draw(t, "kind")
		if depth == 0 {
			kind = 3
		}
		sub := func() [2]string { return queryOf(depth-1).Draw(t, "sub") }
		switch kind {
		case 0:
			a := sub()
			return [2]string{"not (" + a[0] + ")", `{"not":[` + a[1] + `]}`}
		case 1, 2:
			name, sign := "and", rapid.SampledFrom([]string{" & ", " ", "&&", " and "}).Draw(t, "and")
			if kind == 2 {
				name, sign = "or", rapid.SampledFrom([]string{"|", " || ", " or "}).Draw(t, "or")
			}
			// A negation on the left keeps chains from becoming flat.
			a, b := sub(), sub()
			return [2]string{"(not (" + a[0] + ")" + sign + "(" + b[0] + "))",
				`{"` + name + `":[{"not":[` + a[1] + `]},` + b[1] + `]}`}
		}
		v := rapid.StringMatching(`[a-z0-9,\[\]-]{1,8} [a-z]{0,3}`).Draw(t, "value")
		return [2]string{`x:"` + v + `"`, `{"x":["` + v + `"]}`}
	})
}

func TestQueryProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := queryOf(4).Draw(t, "query")
		got, err := Syntax{}.Parse(q[0])
		if err != nil || string(got) != q[1] {
			t.Fatalf("%s:\n got %s (%v)\nwant %s", q[0], got, err, q[1])
		}
	})
}

func FuzzQuery(f *testing.F) {
	for _, s := range []string{`a|b&c`, `(a|-b)&c`, `foo:'this is args'`, `not -x: "y"`, `((`, `a:''`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		got, err := Requires.Parse(query)
		if err != nil {
			return
		}
		if !jsontext.Value(got).IsValid() {
			t.Fatalf("%q compiled to invalid JSON %s", query, got)
		}
		// Any operator may be named, so only the form is judged.
		var unknown *Error
		if _, err := Parse(got); err != nil && !errors.As(err, &unknown) {
			t.Fatalf("%q: %v", query, err)
		}
	})
}
