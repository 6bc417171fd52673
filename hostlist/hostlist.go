// SPDX-License-Identifier: LGPL-3.0-or-later

package hostlist

import (
	"iter"
	"slices"
	"sort"
)

// List is an ordered list of host names. The zero value is the empty list,
// ready for use.
type List struct {
	runs  []run
	count int
}

// New returns the list of the given host names in the given order. Each
// argument is one name, not an expression: one with a bracket, a comma or a
// blank is an error.
func New(hosts ...string) (*List, error) {
	l := &List{}
	for _, h := range hosts {
		if err := checkName(h); err != nil {
			return nil, err
		}
		l.push(splitName(h))
	}
	return l, nil
}

// Clone returns a copy that shares nothing with l. It is never nil.
func (l *List) Clone() *List {
	return &List{runs: slices.Clone(l.view()), count: l.Len()}
}

// Append parses expr as Parse does and puts its hosts at the end of the list.
// If it fails the list is as before.
func (l *List) Append(expr string) error {
	more, err := Parse(expr)
	if err != nil {
		return err
	}
	l.AppendList(more)
	return nil
}

// AppendList puts the hosts of more at the end of the list.
func (l *List) AppendList(more *List) {
	for _, r := range more.view() {
		l.push(r)
	}
}

// push puts a run at the end of the list, joined to the last run if it
// continues it.
func (l *List) push(r run) {
	n := len(l.runs)
	if n > 0 && l.runs[n-1].follows(&r) {
		l.runs[n-1].hi = r.hi
	} else {
		r.start = l.count
		l.runs = append(l.runs, r)
	}
	l.count += r.count()
}

// Len is the number of hosts in the list, repetitions counted.
func (l *List) Len() int {
	if l == nil {
		return 0
	}
	return l.count
}

// Empty reports whether the list has no host.
func (l *List) Empty() bool { return l.Len() == 0 }

// At returns the host at index i, counted from 0; ok is false if there is
// none.
func (l *List) At(i int) (host string, ok bool) {
	if i < 0 || i >= l.Len() {
		return "", false
	}
	r := &l.runs[l.runAt(i)]
	return r.name(i - r.start), true
}

// runAt is the index of the run that holds the i-th host.
func (l *List) runAt(i int) int {
	return sort.Search(len(l.runs), func(k int) bool { return l.runs[k].start > i }) - 1
}

// Index returns the index of the first occurrence of host, or -1.
func (l *List) Index(host string) int {
	h := splitName(host)
	for i := range l.view() {
		if r := &l.runs[i]; r.contains(&h) {
			return r.start + int(h.lo-r.lo)
		}
	}
	return -1
}

// Contains reports whether host is in the list.
func (l *List) Contains(host string) bool { return l.Index(host) >= 0 }

// All yields the hosts in order. The list must not be changed meanwhile.
func (l *List) All() iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range l.view() {
			r := &l.runs[i]
			for n := range r.count() {
				if !yield(r.name(n)) {
					return
				}
			}
		}
	}
}

// Hosts returns the hosts in order as a new slice.
func (l *List) Hosts() []string {
	out := make([]string, 0, l.Len())
	for h := range l.All() {
		out = append(out, h)
	}
	return out
}

// Equal reports whether l and m are the same hosts in the same order.
func (l *List) Equal(m *List) bool {
	return slices.EqualFunc(l.view(), m.view(), func(a, b run) bool { return a.same(&b) })
}

// view is the runs of a list that may be nil.
func (l *List) view() []run {
	if l == nil {
		return nil
	}
	return l.runs
}
