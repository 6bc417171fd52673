// SPDX-License-Identifier: LGPL-3.0-or-later

package rset

import (
	"maps"

	"goflux/constraint"
	"goflux/hostlist"
	"goflux/idset"
)

// with returns a set of other groups, of ranks in r or new, that keeps r's
// times and scheduling data. Slots are left out: they were r's.
func (r *R) with(groups []group) *R {
	return &R{
		groups:     groups,
		ranks:      ranksOf(groups),
		StartTime:  r.StartTime,
		Expiration: r.Expiration,
		Scheduling: r.Scheduling.Clone(),
	}
}

// part is with for ranks that are all in r: it keeps hosts and properties.
func (r *R) part(groups []group) *R {
	n := r.with(groups)
	n.hosts = r.hostsOf(n.ranks)
	for name, ranks := range r.props {
		if ranks = ranks.Intersect(n.ranks); !ranks.Empty() {
			n.setProp(name, ranks)
		}
	}
	return n
}

// Subset returns the part of r on the given ranks.
func (r *R) Subset(ranks *idset.Set) *R {
	var groups []group
	for _, g := range r.groups {
		if common := g.ranks.Intersect(ranks); !common.Empty() {
			groups = append(groups, group{common, g.cores, g.gpus})
		}
	}
	sortGroups(groups)
	return r.part(groups)
}

// Without returns the part of r not on the given ranks.
func (r *R) Without(ranks *idset.Set) *R { return r.Subset(r.ranks.Subtract(ranks)) }

// Match returns the ranks that satisfy a constraint. The nil constraint is
// satisfied by all.
func (r *R) Match(c *constraint.NodeExpr) *idset.Set {
	if c == nil {
		return r.ranks
	}
	out := idset.New()
	for n := range r.Nodes() {
		if c.Match(n) {
			out.Add(n.rank)
		}
	}
	return out
}

// Filter returns the part of r that satisfies a constraint.
func (r *R) Filter(c *constraint.NodeExpr) *R { return r.Subset(r.Match(c)) }

// combine applies a set operation rank by rank where both have the rank.
// onlyA and onlyB say whether ranks of one alone are kept; ranks left without
// resources are dropped.
func combine(a, b *R, onlyA, onlyB bool, op func(x, y *idset.Set) *idset.Set) []group {
	type quad struct{ a, b, c, d *idset.Set }
	done := map[quad][2]*idset.Set{} // equal nodes are worked out once
	x, y := a.expand(), b.expand()
	var out []Entry
	for len(x) > 0 || len(y) > 0 {
		switch {
		case len(y) == 0 || len(x) > 0 && x[0].Rank < y[0].Rank:
			if onlyA {
				out = append(out, x[0])
			}
			x = x[1:]
		case len(x) == 0 || y[0].Rank < x[0].Rank:
			if onlyB {
				out = append(out, y[0])
			}
			y = y[1:]
		default:
			key := quad{x[0].Cores, y[0].Cores, x[0].GPUs, y[0].GPUs}
			sets, ok := done[key]
			if !ok {
				sets = [2]*idset.Set{op(key.a, key.b), op(key.c, key.d)}
				done[key] = sets
			}
			if !sets[0].Empty() || !sets[1].Empty() {
				out = append(out, Entry{Rank: x[0].Rank, Cores: sets[0], GPUs: sets[1]})
			}
			x, y = x[1:], y[1:]
		}
	}
	return regroup(out)
}

// Subtract returns what is in r and not in o. Ranks without a core or GPU left
// are dropped.
func (r *R) Subtract(o *R) *R {
	return r.part(combine(r, o, true, false, (*idset.Set).Subtract))
}

// Intersect returns what is in both r and o, with r's hosts and properties.
// Ranks without a common core or GPU are dropped.
func (r *R) Intersect(o *R) *R {
	return r.part(combine(r, o, false, false, (*idset.Set).Intersect))
}

// Union returns what is in r, in o or in both. Times and scheduling data are
// r's, or where r has none o's; so are the hosts of common ranks. Hosts are
// lost if one of the two, not empty, does not name them.
func (r *R) Union(o *R) *R {
	n := r.with(combine(r, o, true, true, (*idset.Set).Union))
	n.hosts = unionHosts(r, o, n.ranks)
	n.props = maps.Clone(r.props)
	for name, ranks := range o.props {
		n.setProp(name, ranks.Union(n.props[name]))
	}
	if n.StartTime == 0 {
		n.StartTime = o.StartTime
	}
	if n.Expiration == 0 {
		n.Expiration = o.Expiration
	}
	if n.Scheduling == nil {
		n.Scheduling = o.Scheduling.Clone()
	}
	return n
}

func unionHosts(a, b *R, ranks *idset.Set) *hostlist.List {
	switch {
	case a.hosts == nil && !a.Empty() || b.hosts == nil && !b.Empty():
		return nil
	case ranks.Equal(a.ranks):
		return a.hosts
	}
	x, y := a.hosts.Hosts(), b.hosts.Hosts()
	names := make([]string, 0, ranks.Len())
	for rank := range ranks.All() {
		inA, inB := a.ranks.Contains(rank), b.ranks.Contains(rank)
		if inA {
			names = append(names, x[0])
			x = x[1:]
		} else {
			names = append(names, y[0])
		}
		if inB {
			y = y[1:]
		}
	}
	list, err := hostlist.New(names...)
	if err != nil {
		panic("rset: a host of a list is none: " + err.Error())
	}
	return list
}

// Equal reports whether r and o hold the same resources on the same ranks;
// hosts, properties and times do not count.
func (r *R) Equal(o *R) bool {
	return r.ranks.Equal(o.ranks) && r.Contains(o) && o.Contains(r)
}

// Contains reports whether every core and GPU of o is in r.
func (r *R) Contains(o *R) bool {
	return o.ranks.SubsetOf(r.ranks) && len(combine(o, r, true, false, (*idset.Set).Subtract)) == 0
}
