// SPDX-License-Identifier: LGPL-3.0-or-later

package hostlist

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"goflux/idset"
)

// Subset returns the hosts at the given indices, in ascending order of index.
// An index beyond the end of the list is an error.
func (l *List) Subset(indices *idset.Set) (*List, error) {
	if last, ok := indices.Last(); ok && int(last) >= l.Len() {
		return nil, fmt.Errorf("hostlist: no host at index %d: the list has %d", last, l.Len())
	}
	out := &List{}
	for ids := range indices.Ranges() {
		out.AppendList(l.Slice(int(ids.Lo), int(ids.Hi)+1))
	}
	return out, nil
}

// Slice returns the hosts at index from and later, up to and without index to.
// Indices beyond the ends of the list mean its ends.
func (l *List) Slice(from, to int) *List {
	from, to = max(from, 0), min(to, l.Len())
	out := &List{}
	for from < to {
		r := &l.runs[l.runAt(from)]
		n := min(to, r.start+r.count())
		out.push(r.slice(from-r.start, n-r.start))
		from = n
	}
	return out
}

// Find returns, for each host of the expression in order, the index of its
// first occurrence in l. A host that is not in l is an error that names it.
func (l *List) Find(expr string) ([]int, error) {
	hosts, err := Parse(expr)
	if err != nil {
		return nil, err
	}
	index := make(map[string]int, l.Len())
	i := 0
	for h := range l.All() {
		if _, seen := index[h]; !seen {
			index[h] = i
		}
		i++
	}
	out := make([]int, 0, hosts.Len())
	for h := range hosts.All() {
		at, ok := index[h]
		if !ok {
			return nil, fmt.Errorf("hostlist: host %q not found", h)
		}
		out = append(out, at)
	}
	return out, nil
}

// Delete takes hosts out of the list: for each host of the expression the
// first occurrence still there. It returns how many were found and removed.
func (l *List) Delete(expr string) (int, error) {
	hosts, err := Parse(expr)
	if err != nil {
		return 0, err
	}
	due := make(map[string]int, hosts.Len())
	for h := range hosts.All() {
		due[h]++
	}
	before := l.Len()
	*l = *l.filter(func(h string) bool {
		if due[h] == 0 {
			return true
		}
		due[h]--
		return false
	})
	return before - l.Len(), nil
}

// filter returns the hosts that keep approves of, in order.
func (l *List) filter(keep func(host string) bool) *List {
	out := &List{}
	for i := range l.view() {
		r := &l.runs[i]
		for n := range r.count() {
			if keep(r.name(n)) {
				out.push(r.slice(n, n+1))
			}
		}
	}
	return out
}

// names is the set of the hosts of l.
func (l *List) names() map[string]bool {
	set := make(map[string]bool, l.Len())
	for h := range l.All() {
		set[h] = true
	}
	return set
}

// Subtract returns the hosts of l, in order, without all occurrences of the
// hosts of m.
func (l *List) Subtract(m *List) *List {
	in := m.names()
	return l.filter(func(h string) bool { return !in[h] })
}

// Intersect returns the hosts that are in both l and m, sorted, each once.
func (l *List) Intersect(m *List) *List {
	in := m.names()
	out := l.filter(func(h string) bool { return in[h] })
	out.Uniq()
	return out
}

// Union returns the hosts that are in l or m, sorted, each once.
func (l *List) Union(m *List) *List {
	out := l.Clone()
	out.AppendList(m)
	out.Uniq()
	return out
}

// Xor returns the hosts that are in l or in m but not in both, sorted, each
// once.
func (l *List) Xor(m *List) *List {
	out := l.Subtract(m)
	out.AppendList(m.Subtract(l))
	out.Uniq()
	return out
}

// Sort puts the hosts in order: by what stands before the trailing number,
// then names without one, then by the number's length and value. So node9
// comes before node10.
func (l *List) Sort() { l.rebuild(l.sorted()) }

// Uniq sorts the list and leaves each host once.
func (l *List) Uniq() {
	l.rebuild(slices.CompactFunc(l.sorted(), func(a, b sortKey) bool { return a.compare(&b) == 0 }))
}

// sortKey is a single host and what it is sorted by.
type sortKey struct {
	host run
	stem string // name without trailing number; the whole name if it has none
}

// trailing reports whether the name of a single host ends with a number.
func (k *sortKey) trailing() bool { return k.host.numeric && k.host.suffix == "" }

func (k *sortKey) compare(o *sortKey) int {
	if c := strings.Compare(k.stem, o.stem); c != 0 {
		return c
	}
	switch {
	case k.trailing() && o.trailing():
		a, b := &k.host, &o.host
		return cmp.Or(cmp.Compare(a.textLen(a.lo), b.textLen(b.lo)), cmp.Compare(a.lo, b.lo))
	case k.trailing():
		return 1
	case o.trailing():
		return -1
	}
	return 0
}

// sorted lists the single hosts of l in sorted order.
func (l *List) sorted() []sortKey {
	keys := make([]sortKey, 0, l.Len())
	for i := range l.view() {
		r := &l.runs[i]
		for n := range r.count() {
			k := sortKey{host: r.slice(n, n+1), stem: r.prefix}
			if !k.trailing() {
				k.stem = k.host.name(0)
			}
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b sortKey) int { return a.compare(&b) })
	return keys
}

// rebuild makes the list anew from single hosts.
func (l *List) rebuild(keys []sortKey) {
	*l = List{}
	for i := range keys {
		l.push(keys[i].host)
	}
}
