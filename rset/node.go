// SPDX-License-Identifier: LGPL-3.0-or-later

package rset

import (
	"cmp"
	"iter"
	"slices"

	"goflux/constraint"
	"goflux/hostlist"
	"goflux/idset"
)

// Node is one rank of a resource set. It satisfies constraint.Node.
type Node struct {
	rank        uint32
	host        string
	cores, gpus *idset.Set
	r           *R
}

var _ constraint.Node = (*Node)(nil)

// Rank is the execution target.
func (n *Node) Rank() uint32 { return n.rank }

// Host is its name, "" if unknown.
func (n *Node) Host() string { return n.host }

// Cores returns its cores. The set must not be changed.
func (n *Node) Cores() *idset.Set { return n.cores }

// GPUs returns its GPUs. The set must not be changed.
func (n *Node) GPUs() *idset.Set { return n.gpus }

// HasProperty reports whether it has a property.
func (n *Node) HasProperty(name string) bool { return n.r.props[name].Contains(n.rank) }

// Nodes yields the nodes in the order of ranks. A node is valid until the next
// one; r must not be changed meanwhile.
func (r *R) Nodes() iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		hosts := r.hosts.Hosts()
		n := Node{r: r}
		for i, e := range r.expand() {
			n.rank, n.cores, n.gpus = e.Rank, e.Cores, e.GPUs
			if i < len(hosts) {
				n.host = hosts[i]
			}
			if !yield(&n) {
				return
			}
		}
	}
}

// Entry is one node to build a resource set from.
type Entry struct {
	Rank        uint32
	Host        string // used if every entry has one
	Cores, GPUs *idset.Set
}

// Build returns the resource set of some nodes. It keeps their sets, which
// must not be changed any more. Of entries for the same rank the resources
// are united and the first host stays.
func Build(entries []Entry) *R {
	entries = slices.Clone(entries)
	slices.SortStableFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Rank, b.Rank) })
	entries = uniteEqualRanks(entries)
	r := &R{ranks: idset.New(), groups: regroup(entries)}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		r.ranks.Add(e.Rank)
		if e.Host != "" {
			names = append(names, e.Host)
		}
	}
	if len(names) == len(entries) {
		if hosts, err := hostlist.New(names...); err == nil {
			r.hosts = hosts
		}
	}
	return r
}

// uniteEqualRanks merges neighbours with the same rank.
func uniteEqualRanks(entries []Entry) []Entry {
	out := entries[:0]
	for _, e := range entries {
		if n := len(out); n > 0 && out[n-1].Rank == e.Rank {
			out[n-1].Cores = out[n-1].Cores.Union(e.Cores)
			out[n-1].GPUs = out[n-1].GPUs.Union(e.GPUs)
			continue
		}
		out = append(out, e)
	}
	return out
}

// expand lists the ranks in ascending order, without hosts.
func (r *R) expand() []Entry {
	out := make([]Entry, 0, r.NNodes())
	for _, g := range r.groups {
		for rank := range g.ranks.All() {
			out = append(out, Entry{Rank: rank, Cores: g.cores, GPUs: g.gpus})
		}
	}
	if len(r.groups) > 1 {
		slices.SortFunc(out, func(a, b Entry) int { return cmp.Compare(a.Rank, b.Rank) })
	}
	return out
}

// regroup puts ranks with equal resources together. Entries are in ascending
// order of rank, so groups come out in order of their first.
func regroup(entries []Entry) []group {
	type pair struct{ cores, gpus *idset.Set }
	var groups []group
	byText := map[string]int{}
	byPair := map[pair]int{} // spares the text where sets are shared
	for _, e := range entries {
		i, ok := byPair[pair{e.Cores, e.GPUs}]
		if !ok {
			text := e.Cores.String() + "/" + e.GPUs.String()
			if i, ok = byText[text]; !ok {
				i = len(groups)
				byText[text] = i
				groups = append(groups, group{idset.New(), e.Cores, e.GPUs})
			}
			byPair[pair{e.Cores, e.GPUs}] = i
		}
		groups[i].ranks.Add(e.Rank)
	}
	return groups
}
