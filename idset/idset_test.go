// SPDX-License-Identifier: LGPL-3.0-or-later

package idset

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	for _, tc := range []struct{ in, ranged, brackets, expanded string }{
		// RFC 22
		{"1,2,3,5,6,42", "1-3,5-6,42", "[1-3,5-6,42]", "1,2,3,5,6,42"},
		{"1-3,5-6,42", "1-3,5-6,42", "[1-3,5-6,42]", "1,2,3,5,6,42"},
		{"[1-3,5-6,42]", "1-3,5-6,42", "[1-3,5-6,42]", "1,2,3,5,6,42"},
		{"", "", "", ""},
		{"[]", "", "", ""},
		{"[0]", "0", "0", "0"},
		{"0-1", "0-1", "[0-1]", "0,1"},
		{"0-1,2-3", "0-3", "[0-3]", "0,1,2,3"},
	} {
		s, err := Parse(tc.in)
		if err != nil {
			t.Errorf("Parse(%q): %v", tc.in, err)
			continue
		}
		if got := s.String(); got != tc.ranged {
			t.Errorf("Parse(%q).String() = %q, want %q", tc.in, got, tc.ranged)
		}
		if got := s.Brackets(); got != tc.brackets {
			t.Errorf("Parse(%q).Brackets() = %q, want %q", tc.in, got, tc.brackets)
		}
		if got := s.Expand(); got != tc.expanded {
			t.Errorf("Parse(%q).Expand() = %q, want %q", tc.in, got, tc.expanded)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, tc := range []struct {
		in     string
		offset int
		reason string
	}{
		{"x", 0, "want an id"},
		{"4.2", 1, "want ','"},
		{"1-2x", 3, "want ','"},
		{"01,2", 0, "leading zero"},
		{"1,00", 2, "leading zero"},
		{"3,2", 2, "out of order"},
		{"2,2", 2, "out of order"},
		{"1-5,3-9", 4, "out of order"},
		{"3-0", 0, "does not ascend"},
		{"3-3", 0, "does not ascend"},
		{"[0", 2, "never closed"},
		{"0]", 1, "want ','"},
		{"[[0]]", 1, "want an id"},
		{"0,[2]", 2, "want an id"},
		{"0-", 2, "missing"},
		{"-5", 0, "want an id"},
		{"1,,2", 2, "want an id"},
		{"1,", 2, "missing"},
		{",", 0, "want an id"},
		{" 1", 0, "want an id"},
		{"4294967296", 0, "maximum"},
		{"99999999999999999999999", 0, "maximum"},
	} {
		_, err := Parse(tc.in)
		var pe *ParseError
		if !errors.As(err, &pe) {
			t.Errorf("Parse(%q): error %v, want a ParseError", tc.in, err)
			continue
		}
		if pe.Offset != tc.offset || !strings.Contains(pe.Reason, tc.reason) {
			t.Errorf("Parse(%q): %d: %s; want %d: %s", tc.in, pe.Offset, pe.Reason, tc.offset, tc.reason)
		}
	}
}

func TestHugeSetIsCheap(t *testing.T) {
	s := MustParse("[0-4294967294]")
	if s.Len() != 4294967295 || !s.Contains(4294967294) || s.Contains(MaxID) {
		t.Fatalf("wrong contents: len %d", s.Len())
	}
	s.Add(MaxID)
	if s.Len() != 1<<32 || s.String() != "0-4294967295" {
		t.Fatalf("got %s, len %d", s, s.Len())
	}
	s.Remove(7)
	if s.String() != "0-6,8-4294967295" {
		t.Fatalf("got %s", s)
	}
}

func TestNilReadsAsEmpty(t *testing.T) {
	var s *Set
	_, first := s.First()
	_, last := s.Last()
	_, next := s.Next(0)
	_, prev := s.Prev(9)
	if first || last || next || prev || s.Contains(0) || s.Len() != 0 || !s.Empty() || s.String() != "" {
		t.Error("nil set is not empty")
	}
	if !s.Equal(&Set{}) || !s.Union(New(1)).Equal(New(1)) || !New(1).Subtract(nil).Equal(New(1)) ||
		!s.Intersect(New(1)).Empty() || s.Clone() == nil || !s.SubsetOf(nil) {
		t.Error("algebra with nil")
	}
}

func TestJSON(t *testing.T) {
	type doc struct {
		Ranks *Set `json:"ranks"`
		Value Set  `json:"value"`
	}
	in := `{"ranks":"0-3,7","value":"1"}`
	var d doc
	if err := json.Unmarshal([]byte(in), &d); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(d)
	if err != nil || string(out) != in {
		t.Errorf("got %s, %v; want %s", out, err, in)
	}
	for _, bad := range []string{`{"ranks":7}`, `{"ranks":"3,1"}`, `{"ranks":"\u0031"}`} {
		if json.Unmarshal([]byte(bad), &d) == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

// model is the plain thing a Set must agree with.
type model map[uint32]bool

func (m model) sorted() []uint32 { return slices.Sorted(maps.Keys(m)) }

func genSet(t *rapid.T, name string) (*Set, model) {
	s, m := &Set{}, model{}
	for _, id := range rapid.SliceOf(rapid.Uint32Range(0, 40)).Draw(t, name) {
		s.Add(id)
		m[id] = true
	}
	return s, m
}

func check(t *rapid.T, what string, s *Set, m model) {
	t.Helper()
	want := m.sorted()
	if got := slices.Collect(s.All()); !slices.Equal(got, want) {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
	for i, r := range s.ranges {
		if r.Lo > r.Hi || i > 0 && uint64(r.Lo) <= uint64(s.ranges[i-1].Hi)+1 {
			t.Fatalf("%s: ranges not canonical: %v", what, s.ranges)
		}
	}
	back, err := Parse(s.Brackets())
	if err != nil || !back.Equal(s) {
		t.Fatalf("%s: %q reads back as %v, %v", what, s.Brackets(), back, err)
	}
}

func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, m := genSet(t, "ids")
		for range rapid.IntRange(0, 20).Draw(t, "steps") {
			lo := rapid.Uint32Range(0, 40).Draw(t, "lo")
			hi := rapid.Uint32Range(0, 40).Draw(t, "hi")
			add := rapid.Bool().Draw(t, "add")
			for id := lo; id <= hi; id++ {
				if add {
					m[id] = true
				} else {
					delete(m, id)
				}
			}
			if add {
				s.AddRange(lo, hi)
			} else {
				s.RemoveRange(lo, hi)
			}
			check(t, "step", s, m)
		}
		ids := m.sorted()
		for id := range uint32(42) {
			if s.Contains(id) != m[id] {
				t.Fatalf("Contains(%d) = %v", id, !m[id])
			}
			next, ok := s.Next(id)
			i := slices.IndexFunc(ids, func(x uint32) bool { return x > id })
			if ok != (i >= 0) || ok && next != ids[i] {
				t.Fatalf("Next(%d) = %d, %v in %v", id, next, ok, ids)
			}
			i, _ = slices.BinarySearch(ids, id)
			prev, ok := s.Prev(id)
			if ok != (i > 0) || ok && prev != ids[i-1] {
				t.Fatalf("Prev(%d) = %d, %v in %v", id, prev, ok, ids)
			}
			at, ok := s.At(int(id))
			if ok != (int(id) < len(ids)) || ok && at != ids[id] {
				t.Fatalf("At(%d) = %d, %v in %v", id, at, ok, ids)
			}
		}
		if s.Len() != len(ids) || s.Empty() != (len(ids) == 0) {
			t.Fatalf("Len %d of %v", s.Len(), ids)
		}
	})
}

func TestAlgebra(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, ma := genSet(t, "a")
		b, mb := genSet(t, "b")
		union, both, minus := model{}, model{}, model{}
		for id := range uint32(41) {
			if ma[id] || mb[id] {
				union[id] = true
			}
			if ma[id] && mb[id] {
				both[id] = true
			}
			if ma[id] && !mb[id] {
				minus[id] = true
			}
		}
		check(t, "union", a.Union(b), union)
		check(t, "intersect", a.Intersect(b), both)
		check(t, "subtract", a.Subtract(b), minus)
		check(t, "a untouched", a, ma)
		if a.SubsetOf(b) != (len(minus) == 0) {
			t.Fatalf("SubsetOf(%s, %s)", a, b)
		}
		if a.Intersects(b) != (len(both) > 0) {
			t.Fatalf("Intersects(%s, %s)", a, b)
		}
		if a.Equal(b) != maps.Equal(ma, mb) {
			t.Fatalf("Equal(%s, %s)", a, b)
		}
		c := a.Clone()
		c.AddSet(b)
		check(t, "AddSet", c, union)
		c.RemoveSet(b)
		check(t, "RemoveSet", c, minus)
	})
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "[]", "0-3,7", "[1-3,5-6,42]", "4294967295", "1,,2", "[0", "007"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		s, err := Parse(in)
		if err != nil {
			var pe *ParseError
			if !errors.As(err, &pe) || pe.Offset < 0 || pe.Offset > len(in) {
				t.Fatalf("Parse(%q): bad error %v", in, err)
			}
			return
		}
		back, err := Parse(s.String())
		if err != nil || !back.Equal(s) {
			t.Fatalf("%q reads back as %v, %v", s, back, err)
		}
	})
}
