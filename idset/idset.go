// SPDX-License-Identifier: LGPL-3.0-or-later

package idset

import (
	"iter"
	"math"
	"slices"
	"sort"
)

// MaxID is the largest id a Set can hold.
const MaxID = math.MaxUint32

// Range is a run of consecutive ids, both ends included, Lo <= Hi.
type Range struct{ Lo, Hi uint32 }

// Len is the number of ids in the range.
func (r Range) Len() int { return int(r.Hi-r.Lo) + 1 }

// Set is a set of ids. The zero value is the empty set, ready for use.
type Set struct {
	// ranges are sorted, disjoint and never adjacent: two ranges that touch
	// are one, so equal sets have equal slices.
	ranges []Range
}

// New returns the set of the given ids, in any order, repeated or not.
func New(ids ...uint32) *Set {
	s := &Set{}
	for _, id := range ids {
		s.Add(id)
	}
	return s
}

// FromRange returns the set of all ids from lo to hi, both included; it is
// empty if lo > hi.
func FromRange(lo, hi uint32) *Set {
	s := &Set{}
	s.AddRange(lo, hi)
	return s
}

// Clone returns a copy that shares nothing with s. It is never nil.
func (s *Set) Clone() *Set {
	return &Set{ranges: slices.Clone(s.view())}
}

// Add puts id into the set.
func (s *Set) Add(id uint32) { s.AddRange(id, id) }

// AddRange puts all ids from lo to hi, both included, into the set. It does
// nothing if lo > hi.
func (s *Set) AddRange(lo, hi uint32) {
	if lo > hi {
		return
	}
	// i: first range that overlaps or touches [lo,hi]; j: first one beyond it.
	i := sort.Search(len(s.ranges), func(i int) bool {
		return uint64(s.ranges[i].Hi)+1 >= uint64(lo)
	})
	j := i
	for j < len(s.ranges) && uint64(s.ranges[j].Lo) <= uint64(hi)+1 {
		j++
	}
	if i < j {
		lo = min(lo, s.ranges[i].Lo)
		hi = max(hi, s.ranges[j-1].Hi)
	}
	s.ranges = slices.Replace(s.ranges, i, j, Range{lo, hi})
}

// Remove takes id out of the set, if it is there.
func (s *Set) Remove(id uint32) { s.RemoveRange(id, id) }

// RemoveRange takes all ids from lo to hi, both included, out of the set.
func (s *Set) RemoveRange(lo, hi uint32) {
	if lo > hi {
		return
	}
	i := s.search(lo)
	j := i
	for j < len(s.ranges) && s.ranges[j].Lo <= hi {
		j++
	}
	if i == j {
		return
	}
	var rest [2]Range
	n := 0
	if first := s.ranges[i]; first.Lo < lo {
		rest[n] = Range{first.Lo, lo - 1}
		n++
	}
	if last := s.ranges[j-1]; last.Hi > hi {
		rest[n] = Range{hi + 1, last.Hi}
		n++
	}
	s.ranges = slices.Replace(s.ranges, i, j, rest[:n]...)
}

// Clear empties the set.
func (s *Set) Clear() { s.ranges = nil }

// Contains reports whether id is in the set.
func (s *Set) Contains(id uint32) bool {
	i := s.search(id)
	return i < len(s.view()) && s.ranges[i].Lo <= id
}

// Len is the number of ids in the set.
func (s *Set) Len() int {
	n := 0
	for _, r := range s.view() {
		n += r.Len()
	}
	return n
}

// Empty reports whether the set holds no id.
func (s *Set) Empty() bool { return len(s.view()) == 0 }

// First returns the smallest id; ok is false if the set is empty.
func (s *Set) First() (id uint32, ok bool) {
	if s.Empty() {
		return 0, false
	}
	return s.ranges[0].Lo, true
}

// Last returns the largest id; ok is false if the set is empty.
func (s *Set) Last() (id uint32, ok bool) {
	if s.Empty() {
		return 0, false
	}
	return s.ranges[len(s.ranges)-1].Hi, true
}

// Next returns the smallest id in the set greater than id; ok is false if
// there is none.
func (s *Set) Next(id uint32) (next uint32, ok bool) {
	if id == MaxID {
		return 0, false
	}
	i := s.search(id + 1)
	if i == len(s.view()) {
		return 0, false
	}
	return max(id+1, s.ranges[i].Lo), true
}

// Prev returns the largest id in the set smaller than id; ok is false if
// there is none.
func (s *Set) Prev(id uint32) (prev uint32, ok bool) {
	ranges := s.view()
	i := sort.Search(len(ranges), func(i int) bool { return ranges[i].Lo >= id })
	if i == 0 {
		return 0, false
	}
	return min(id-1, ranges[i-1].Hi), true
}

// At returns the n-th smallest id, counted from 0; ok is false if the set has
// n ids or fewer.
func (s *Set) At(n int) (id uint32, ok bool) {
	if n < 0 {
		return 0, false
	}
	for _, r := range s.view() {
		if n < r.Len() {
			return r.Lo + uint32(n), true
		}
		n -= r.Len()
	}
	return 0, false
}

// All yields the ids in ascending order. The set must not be changed
// meanwhile.
func (s *Set) All() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for _, r := range s.view() {
			for id := uint64(r.Lo); id <= uint64(r.Hi); id++ {
				if !yield(uint32(id)) {
					return
				}
			}
		}
	}
}

// Ranges yields the maximal runs of consecutive ids in ascending order. The
// set must not be changed meanwhile.
func (s *Set) Ranges() iter.Seq[Range] {
	return slices.Values(s.view())
}

// view is the ranges of a set that may be nil.
func (s *Set) view() []Range {
	if s == nil {
		return nil
	}
	return s.ranges
}

// search returns the index of the first range that ends at id or later.
func (s *Set) search(id uint32) int {
	ranges := s.view()
	return sort.Search(len(ranges), func(i int) bool { return ranges[i].Hi >= id })
}
