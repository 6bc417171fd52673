// SPDX-License-Identifier: LGPL-3.0-or-later

package constraint

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

type testNode struct {
	rank  uint32
	host  string
	props string // space separated
}

func (n testNode) Rank() uint32 { return n.rank }
func (n testNode) Host() string { return n.host }
func (n testNode) HasProperty(p string) bool {
	return strings.Contains(" "+n.props+" ", " "+p+" ")
}

var testNodes = []testNode{
	{0, "host0", "ssd"},
	{1, "host1", "huge slowgpu"},
	{2, "host2", "ssd huge"},
	{3, "host3", ""},
}

// TestMatchRFC31 are the examples of RFC 31 and what it says of empty ones.
func TestMatchRFC31(t *testing.T) {
	for _, tc := range []struct{ constraint, want string }{
		{`{"properties":["ssd"]}`, "02"},
		{`{"properties":["^slowgpu"]}`, "023"},
		{`{"not":[{"properties":["slowgpu"]}]}`, "023"},
		{`{"or":[{"properties":["ssd"]},{"properties":["huge"]}]}`, "012"},
		{`{"hostlist":["host[0-1]"]}`, "01"},
		{`{"not":[{"hostlist":["host[0-1]"]}]}`, "23"},
		{`{"and":[{"hostlist":["host[0-1]"]},{"properties":["ssd"]}]}`, "0"},
		{`{"ranks":["0"]}`, "0"},
		{`{"ranks":["0","2-9"]}`, "023"},
		{`{"or":[]}`, "0123"},
		{`{"and":[]}`, "0123"},
		{`{"not":[]}`, ""},
		{`{}`, "0123"},
		{`{"not":[{}]}`, ""},
		{`{"not":[{"properties":["ssd"]},{"properties":["huge"]}]}`, "013"},
		{`{"properties":["ssd","huge"]}`, "2"},
	} {
		e, err := Parse([]byte(tc.constraint))
		if err != nil {
			t.Errorf("%s: %v", tc.constraint, err)
			continue
		}
		got := ""
		for _, n := range testNodes {
			if e.Match(n) {
				got += fmt.Sprint(n.rank)
			}
		}
		if got != tc.want {
			t.Errorf("%s matches %q, want %q", tc.constraint, got, tc.want)
		}
		if e.String() != tc.constraint {
			t.Errorf("%s prints as %s", tc.constraint, e)
		}
	}
	if !(*NodeExpr)(nil).Match(testNodes[0]) {
		t.Error("no constraint must match")
	}
}

func TestParseErrors(t *testing.T) {
	deep := strings.Repeat(`{"not":[`, MaxDepth+1) + strings.Repeat(`]}`, MaxDepth+1)
	wide := `{"and":[` + strings.Repeat(`{"and":[]},`, MaxOperators) + `{}]}`
	for _, tc := range []struct{ constraint, want, path string }{
		{`{"foo":[]}`, `unknown constraint operator: foo`, ".foo"},
		{`{"and":[{},{"or":[{"bar":1}]}]}`, `unknown constraint operator: bar`, ".and[1].or[0].bar"},
		{`[]`, `constraint must be JSON object`, ""},
		{`null`, `constraint must be JSON object`, ""},
		{`{"and":[7]}`, `constraint must be JSON object`, ".and[0]"},
		{`{"and":[],"or":[]}`, `constraint must only contain 1 element`, ".and"},
		{`{"and":{}}`, `and operator value must be an array`, ".and"},
		{`{"properties":"x"}`, `properties value must be an array`, ".properties"},
		{`{"properties":[1]}`, `properties value must be an array of strings`, ".properties"},
		{`{"properties":["a&b"]}`, `invalid character '&' in property "a&b"`, ".properties"},
		{`{"hostlist":["a["]}`, `invalid hostlist 'a['`, ".hostlist"},
		{`{"ranks":["x"]}`, `invalid idset 'x'`, ".ranks"},
		{`{"hostlist":["a[0-131071]","b"]}`, `constraint names more than 131072 hosts`, ".hostlist"},
		{deep, `constraint nesting exceeds limit of 100`, ""},
		{wide, `constraint has more than 10000 operators`, ""},
		{`{} x`, `constraint: invalid JSON: trailing data`, ""},
	} {
		_, err := Parse([]byte(tc.constraint))
		var e *Error
		if !errors.As(err, &e) || !errors.Is(err, syscall.EINVAL) || !strings.HasPrefix(e.Msg, tc.want) {
			t.Errorf("%.40s: got %v, want %s", tc.constraint, err, tc.want)
			continue
		}
		if tc.path != "" && e.Path != tc.path {
			t.Errorf("%s: path %q, want %q", tc.constraint, e.Path, tc.path)
		}
	}
	for _, bad := range []string{``, `{`, `{"and":`, `{"and":[`, `{"and":[{}`, `{"ranks":["1"]`, `{"a`} {
		if _, err := Parse([]byte(bad)); err == nil || !strings.Contains(err.Error(), "invalid JSON") {
			t.Errorf("%q: got %v", bad, err)
		}
	}
}

// TestParseWith: the caller's leaves, over a subject of its own.
func TestParseWith(t *testing.T) {
	ops := Operators[int]{"over": func(op string, values jsontext.Value) (Leaf[int], error) {
		var n int
		if _, err := fmt.Sscanf(string(values), "[%d]", &n); err != nil {
			return nil, errors.New("over wants a number")
		}
		return func(v int) bool { return v > n }, nil
	}}
	e, err := ParseWith([]byte(`{"and": [{"over": [3]}, {"not": [{"over": [5]}]}]}`), ops)
	if err != nil {
		t.Fatal(err)
	}
	for v, want := range map[int]bool{3: false, 4: true, 5: true, 6: false} {
		if e.Match(v) != want {
			t.Errorf("%s on %d: want %v", e, v, want)
		}
	}
	if _, err := ParseWith([]byte(`{"over":["x"]}`), ops); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("a leaf's own error must become EINVAL, got %v", err)
	}
}

// exprOf draws a constraint object with an evaluator of its own.
func exprOf(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		kind := rapid.IntRange(0, 5).Draw(t, "kind")
		if depth == 0 && kind > 2 {
			kind = 0
		}
		switch kind {
		case 0:
			return fmt.Sprintf(`{"ranks":["%d"]}`, rapid.IntRange(0, 4).Draw(t, "rank"))
		case 1:
			return fmt.Sprintf(`{"hostlist":["host%d"]}`, rapid.IntRange(0, 4).Draw(t, "host"))
		case 2:
			return fmt.Sprintf(`{"properties":["%s"]}`, rapid.SampledFrom([]string{"ssd", "huge", "^ssd"}).Draw(t, "p"))
		}
		args := rapid.SliceOfN(exprOf(depth-1), 0, 3).Draw(t, "args")
		return `{"` + []string{And, Or, Not}[kind-3] + `":[` + strings.Join(args, ",") + `]}`
	})
}

// TestRoundTripAndDeMorgan: printing is the inverse of parsing, and negation
// is one for every constraint.
func TestRoundTripAndDeMorgan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := exprOf(4).Draw(t, "constraint")
		e, err := Parse([]byte(s))
		if err != nil || e.String() != s {
			t.Fatalf("%s: got %s (%v)", s, e, err)
		}
		not, err := Parse([]byte(`{"not":[` + s + `]}`))
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range testNodes {
			if e.Match(n) == not.Match(n) {
				t.Fatalf("%s and its negation agree on %v", s, n)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`{}`, `{"and":[{"ranks":["0-3"]},{"not":[{"properties":["^a"]}]}]}`, `{"hostlist":["a[1-3]"]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := Parse(raw)
		if err != nil {
			return
		}
		again, err := Parse([]byte(e.String()))
		if err != nil || again.String() != e.String() {
			t.Fatalf("%s became %s (%v)", raw, again, err)
		}
		for _, n := range testNodes {
			if e.Match(n) != again.Match(n) {
				t.Fatalf("%s and %s differ on %v", e, again, n)
			}
		}
	})
}
