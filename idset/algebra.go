// SPDX-License-Identifier: LGPL-3.0-or-later

package idset

import "slices"

// Union returns a new set of the ids that are in s, in t or in both.
func (s *Set) Union(t *Set) *Set {
	a, b := s.view(), t.view()
	out := make([]Range, 0, len(a)+len(b))
	for len(a) > 0 || len(b) > 0 {
		var r Range
		if len(b) == 0 || len(a) > 0 && a[0].Lo <= b[0].Lo {
			r, a = a[0], a[1:]
		} else {
			r, b = b[0], b[1:]
		}
		if n := len(out); n > 0 && uint64(r.Lo) <= uint64(out[n-1].Hi)+1 {
			out[n-1].Hi = max(out[n-1].Hi, r.Hi)
			continue
		}
		out = append(out, r)
	}
	return &Set{ranges: out}
}

// Intersect returns a new set of the ids that are in both s and t.
func (s *Set) Intersect(t *Set) *Set {
	a, b := s.view(), t.view()
	var out []Range
	for len(a) > 0 && len(b) > 0 {
		lo, hi := max(a[0].Lo, b[0].Lo), min(a[0].Hi, b[0].Hi)
		if lo <= hi {
			out = append(out, Range{lo, hi})
		}
		if a[0].Hi == hi {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return &Set{ranges: out}
}

// Subtract returns a new set of the ids that are in s and not in t.
func (s *Set) Subtract(t *Set) *Set {
	b := t.view()
	var out []Range
	for _, r := range s.view() {
		for len(b) > 0 && b[0].Hi < r.Lo {
			b = b[1:]
		}
		left := true
		for _, cut := range b {
			if cut.Lo > r.Hi {
				break
			}
			if cut.Lo > r.Lo {
				out = append(out, Range{r.Lo, cut.Lo - 1})
			}
			if cut.Hi >= r.Hi {
				left = false
				break
			}
			r.Lo = cut.Hi + 1
		}
		if left {
			out = append(out, r)
		}
	}
	return &Set{ranges: out}
}

// AddSet puts all ids of t into s.
func (s *Set) AddSet(t *Set) { s.ranges = s.Union(t).ranges }

// RemoveSet takes all ids of t out of s.
func (s *Set) RemoveSet(t *Set) { s.ranges = s.Subtract(t).ranges }

// Equal reports whether s and t hold the same ids.
func (s *Set) Equal(t *Set) bool { return slices.Equal(s.view(), t.view()) }

// SubsetOf reports whether every id of s is in t.
func (s *Set) SubsetOf(t *Set) bool {
	b := t.view()
	for _, r := range s.view() {
		for len(b) > 0 && b[0].Hi < r.Lo {
			b = b[1:]
		}
		if len(b) == 0 || r.Lo < b[0].Lo || r.Hi > b[0].Hi {
			return false
		}
	}
	return true
}

// Intersects reports whether s and t have an id in common.
func (s *Set) Intersects(t *Set) bool {
	a, b := s.view(), t.view()
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].Hi < b[0].Lo:
			a = a[1:]
		case b[0].Hi < a[0].Lo:
			b = b[1:]
		default:
			return true
		}
	}
	return false
}
