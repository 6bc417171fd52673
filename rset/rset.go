// SPDX-License-Identifier: LGPL-3.0-or-later

package rset

import (
	"maps"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/hostlist"
	"goflux/idset"
)

// R is a resource set. Make one with New, Parse, Build or FromConfig; the zero
// value is an empty set that holds no hosts.
type R struct {
	groups []group // in order of their first rank, disjoint, no two alike
	ranks  *idset.Set
	// hosts are in the order of ranks; nil if R does not name hosts.
	hosts *hostlist.List
	props map[string]*idset.Set // no empty sets

	// StartTime and Expiration are seconds since the epoch; 0 is unset.
	StartTime, Expiration float64
	// NSlots is the number of slots allocated to a job; 0 in an inventory.
	NSlots int
	// Scheduling is the scheduler's own data, handed on as it came; nil if
	// there is none.
	Scheduling jsontext.Value
}

// group is ranks with equal resources. Its sets are never changed, because
// resource sets share them.
type group struct {
	ranks, cores, gpus *idset.Set
}

// New returns the empty set, which holds hosts.
func New() *R { return &R{ranks: idset.New(), hosts: &hostlist.List{}} }

// Clone returns a copy that shares nothing changeable with r.
func (r *R) Clone() *R {
	c := *r
	// Groups, hosts and rank sets are replaced, never changed.
	c.props = maps.Clone(r.props)
	c.Scheduling = r.Scheduling.Clone()
	return &c
}

// Ranks returns the ranks. The set belongs to r.
func (r *R) Ranks() *idset.Set { return r.ranks }

// NNodes is the number of ranks.
func (r *R) NNodes() int { return r.ranks.Len() }

// Empty reports whether r holds no rank.
func (r *R) Empty() bool { return r.ranks.Empty() }

// NCores is the number of cores.
func (r *R) NCores() int64 { return r.Count("core") }

// NGPUs is the number of GPUs.
func (r *R) NGPUs() int64 { return r.Count("gpu") }

// Count is the number of resources of a type: "core", "gpu" or "node"; others
// count 0.
func (r *R) Count(kind string) int64 {
	if kind == "node" {
		return int64(r.NNodes())
	}
	n := int64(0)
	for _, g := range r.groups {
		n += int64(g.ranks.Len()) * int64(g.children(kind).Len())
	}
	return n
}

func (g group) children(kind string) *idset.Set {
	switch kind {
	case "core":
		return g.cores
	case "gpu":
		return g.gpus
	}
	return nil
}

// CoresOn returns the cores on a rank, empty if r does not have it. The set
// belongs to r.
func (r *R) CoresOn(rank uint32) *idset.Set { return r.groupOf(rank).cores }

// GPUsOn returns the GPUs on a rank, empty if r does not have it. The set
// belongs to r.
func (r *R) GPUsOn(rank uint32) *idset.Set { return r.groupOf(rank).gpus }

func (r *R) groupOf(rank uint32) group {
	for _, g := range r.groups {
		if g.ranks.Contains(rank) {
			return g
		}
	}
	return group{}
}

// Summary is the short form people read: "rank[0-1]/core[0-3],gpu0", groups
// separated by a space.
func (r *R) Summary() string {
	var b []byte
	for i, g := range r.groups {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(append(b, "rank"...), g.ranks.Brackets()...)
		b = append(append(b, "/"...), g.childSummary()...)
	}
	return string(b)
}

// childSummary is "core[0-3],gpu0", without what there is none of.
func (g group) childSummary() string {
	s := ""
	if !g.cores.Empty() {
		s = "core" + g.cores.Brackets()
	}
	if !g.gpus.Empty() {
		if s != "" {
			s += ","
		}
		s += "gpu" + g.gpus.Brackets()
	}
	return s
}
