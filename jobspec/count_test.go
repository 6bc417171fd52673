// SPDX-License-Identifier: LGPL-3.0-or-later

package jobspec

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

func TestParseCount(t *testing.T) {
	for _, tc := range []struct {
		in, want string
		min, max int64
		values   []int64 // the acceptable ones below 70
	}{
		{"4", "4", 4, 4, []int64{4}},
		{"3-5", "3-5", 3, 5, []int64{3, 4, 5}},
		{"[3-5]", "3-5", 3, 5, []int64{3, 4, 5}},
		{"7-7", "7", 7, 7, []int64{7}},
		{"4,9,16,25", "4,9,16,25", 4, 25, []int64{4, 9, 16, 25}},
		{"1,7-9", "1,7-9", 1, 9, []int64{1, 7, 8, 9}},
		{"2,3,4", "2-4", 2, 4, []int64{2, 3, 4}},
		{"66+", "66+", 66, Unbounded, []int64{66, 67, 68, 69}},
		{"1-5:2:+", "1-5:2", 1, 5, []int64{1, 3, 5}},
		{"1-6:2", "1-6:2", 1, 6, []int64{1, 3, 5}},
		{"1-4:1:+", "1-4", 1, 4, []int64{1, 2, 3, 4}},
		{"2-40:2:*", "2-40:2:*", 2, 40, []int64{2, 4, 8, 16, 32}},
		{"3+:3:*", "3+:3:*", 3, Unbounded, []int64{3, 9, 27}},
		{"2-300:2:^", "2-300:2:^", 2, 300, []int64{2, 4, 16}},
		{"3+:3:^", "3+:3:^", 3, Unbounded, []int64{3, 27}},
	} {
		c, err := ParseCount(tc.in)
		if err != nil {
			t.Errorf("%s: %v", tc.in, err)
			continue
		}
		if c.String() != tc.want || c.Min() != tc.min || c.Max() != tc.max {
			t.Errorf("%s: got %s [%d,%d]", tc.in, c, c.Min(), c.Max())
		}
		next := 0
		for n := int64(0); n < 70; n++ {
			want := next < len(tc.values) && tc.values[next] == n
			if want {
				next++
			}
			if c.Contains(n) != want {
				t.Errorf("%s: Contains(%d) is %v", tc.in, n, !want)
			}
		}
	}
}

func TestParseCountErrors(t *testing.T) {
	for _, in := range []string{"", "[]", "0", "[0]", "0-3", "0,3", "3-2", "x", "-1", "1-", "1-2-3", "1-2:0",
		"1-5:2:x", "1-5:2:++", "1-5:2:+:1", "1-5:1:*", "1-5:2:^", "01", "[1", "1]", "[[1]]", "1.5", " 1",
		"2147483648", "1-2147483648", "1+:99999999999999999999", "1152921504606846976"} {
		if c, err := ParseCount(in); err == nil {
			t.Errorf("%q accepted as %s", in, c)
		}
	}
}

func TestDecodeCount(t *testing.T) {
	for _, tc := range []struct{ raw, typ, want string }{
		{`4`, "core", "4"},
		{`0`, "gpu", "0"},
		{`0`, "core", "!x: core count must be >= 1 (got 0)"},
		{`-1`, "gpu", "!x: gpu count must be >= 0 (got -1)"},
		{`1.5`, "core", "!x: must be an integer (got 1.5)"},
		{`1152921504606846976`, "core", "!x: exceeds the maximum of 2147483647"},
		{`true`, "core", "!x: must be an integer, string or object"},
		{`"2-8:2:*"`, "node", "2-8:2:*"},
		{`"x"`, "node", "!x: count string 'x' must be a valid idset or range"},
		{`{"min":3,"max":30,"operator":"+","operand":1}`, "slot", "3-30"},
		{`{"min":3}`, "slot", "3+"},
		{`{"min":3,"max":3}`, "slot", "3"},
		{`{}`, "slot", "!x: min must be in range"},
		{`{"max":3}`, "slot", "!x: min must be in range"},
		{`{"min":1,"max":2,"operator":"+"}`, "slot", "!x: operand and operator must both be in range if either is"},
		{`{"min":1,"max":2,"operator":"add","operand":1}`, "slot", "!x.operator: must be a single character"},
		{`{"min":1,"max":2,"operator":"-","operand":1}`, "slot", "!x: operator must be one of '+', '*', '^'"},
		{`{"min":2,"max":1}`, "slot", "!x: max must be >= min"},
		{`{"min":2,"max":-1}`, "slot", "!x.max: must be > 0"},
		{`{"min":"2"}`, "slot", `!x.min: must be an integer (got "2")`},
		{`{"min":1,"step":2}`, "slot", "!x.step: unknown key in count"},
	} {
		c, err := decodeCount(jsontext.Value(tc.raw), "x", tc.typ)
		got := c.String()
		if err != nil {
			got = "!" + err.Error()
		}
		if got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.raw, got, tc.want)
		}
	}
}

// TestLargest: the closed form agrees with walking the values one by one.
func TestLargest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Count{
			min:      rapid.Int64Range(2, 50).Draw(t, "min"),
			max:      Unbounded,
			operator: rapid.SampledFrom([]byte("+*^")).Draw(t, "operator"),
			operand:  rapid.Int64Range(2, 9).Draw(t, "operand"),
		}
		if rapid.Bool().Draw(t, "bounded") {
			c.max = c.min + rapid.Int64Range(0, 500).Draw(t, "span")
		}
		limit := rapid.Int64Range(0, 600).Draw(t, "limit")
		want, found := int64(0), false
		for n := c.min; n <= limit && (c.max == Unbounded || n <= c.max); {
			want, found = n, true
			next, ok := c.step(n)
			if !ok {
				break
			}
			n = next
		}
		if got, ok := c.Largest(limit); ok != found || got != want {
			t.Fatalf("%s.Largest(%d) is %d %v, want %d %v", c, limit, got, ok, want, found)
		}
		if again, err := ParseCount(c.String()); err != nil || again != c && !c.IsFixed() {
			t.Fatalf("%s reads back as %s (%v)", c, again, err)
		}
	})
}

func FuzzParseCount(f *testing.F) {
	for _, s := range []string{"4", "3-30", "[4,9,16]", "2+:3:*", "2-9:2:^"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCount(s)
		if err != nil {
			return
		}
		again, err := ParseCount(c.String())
		if err != nil || again.String() != c.String() {
			t.Fatalf("%q became %s became %s (%v)", s, c, again, err)
		}
		if n, ok := c.Largest(MaxCount); !ok || !c.Contains(n) || !c.Contains(c.Min()) {
			t.Fatalf("%q: largest %d", s, n)
		}
	})
}
