// SPDX-License-Identifier: LGPL-3.0-or-later

package sched

import (
	"maps"

	"github.com/tidwall/btree"

	"goflux/idset"
	"goflux/rset"
)

// pool is the inventory and who holds what of it.
type pool struct {
	inventory *rset.R
	nodes     map[uint32]*node
	// ready are the nodes that are up, in the order they are taken.
	ready   *btree.BTreeG[*node]
	matches map[string]*idset.Set // ranks by constraint
}

// maxMatches bounds the constraints whose ranks are remembered. An instance
// has a few queues and properties, not thousands.
const maxMatches = 256

func newPool(inventory *rset.R) *pool {
	p := &pool{
		inventory: inventory,
		nodes:     make(map[uint32]*node, inventory.NNodes()),
		ready:     newOrder(),
		matches:   map[string]*idset.Set{},
	}
	for n := range inventory.Nodes() {
		p.nodes[n.Rank()] = &node{
			rank: n.Rank(), host: n.Host(),
			cores: n.Cores(), gpus: n.GPUs(),
			freeCores: n.Cores().Clone(), freeGPUs: n.GPUs().Clone(),
			nCores: int64(n.Cores().Len()), nFreeCores: int64(n.Cores().Len()),
			nGPUs: int64(n.GPUs().Len()), nFreeGPUs: int64(n.GPUs().Len()),
		}
	}
	return p
}

func newOrder() *btree.BTreeG[*node] {
	return btree.NewBTreeGOptions(before, btree.Options{NoLocks: true})
}

// clone returns a copy to try things on, maybe elsewhere.
func (p *pool) clone() *pool {
	c := *p
	c.matches = maps.Clone(p.matches)
	c.nodes = make(map[uint32]*node, len(p.nodes))
	c.ready = newOrder()
	for rank, n := range p.nodes {
		m := *n
		m.freeCores, m.freeGPUs = n.freeCores.Clone(), n.freeGPUs.Clone()
		c.nodes[rank] = &m
		if m.up {
			c.ready.Set(&m)
		}
	}
	return &c
}

// change applies f to a node and keeps the order right.
func (p *pool) change(n *node, f func()) {
	if n.up {
		p.ready.Delete(n)
	}
	f()
	if n.up {
		p.ready.Set(n)
	}
}

// setUp changes the state of those of ranks that are known; some says whether
// there were any.
func (p *pool) setUp(ranks *idset.Set, up bool) (some bool) {
	for rank := range ranks.Intersect(p.inventory.Ranks()).All() {
		n := p.nodes[rank]
		p.change(n, func() { n.up = up })
		some = true
	}
	return some
}

// shrink removes ranks.
func (p *pool) shrink(ranks *idset.Set) {
	for rank := range ranks.Intersect(p.inventory.Ranks()).All() {
		n := p.nodes[rank]
		p.change(n, func() { n.up = false })
		delete(p.nodes, rank)
	}
	p.inventory = p.inventory.Without(ranks)

	clear(p.matches)
}

// take marks resources as held. They must be free, which is the caller's
// promise: to break it would give a core to two jobs.
func (p *pool) take(n *node, cores, gpus *idset.Set) {
	if !cores.SubsetOf(n.freeCores) || !gpus.SubsetOf(n.freeGPUs) {
		panic("sched: taking what is not free")
	}
	p.change(n, func() {
		n.freeCores.RemoveSet(cores)
		n.freeGPUs.RemoveSet(gpus)
		n.nFreeCores -= int64(cores.Len())
		n.nFreeGPUs -= int64(gpus.Len())
	})
}

// takeAll marks all of r as held; ok is false, and nothing is changed, if part
// of it is not free or not there.
func (p *pool) takeAll(r *rset.R) (ok bool) {
	for n := range r.Nodes() {
		have := p.nodes[n.Rank()]
		if have == nil || !n.Cores().SubsetOf(have.freeCores) || !n.GPUs().SubsetOf(have.freeGPUs) {
			return false
		}
	}
	for n := range r.Nodes() {
		p.take(p.nodes[n.Rank()], n.Cores(), n.GPUs())
	}
	return true
}

// give returns what a job held. Ranks gone from the inventory are passed over.
func (p *pool) give(r *rset.R) {
	for held := range r.Nodes() {
		n := p.nodes[held.Rank()]
		if n == nil {
			continue
		}
		p.change(n, func() {
			n.freeCores.AddSet(held.Cores())
			n.freeGPUs.AddSet(held.GPUs())
			n.nFreeCores += int64(held.Cores().Len())
			n.nFreeGPUs += int64(held.GPUs().Len())
		})
	}
}

// match returns the ranks a request's constraint allows.
func (p *pool) match(r *Request) *idset.Set {
	if r.Constraint == nil {
		return p.inventory.Ranks()
	}
	key := r.Constraint.String()
	ranks := p.matches[key]
	if ranks == nil {
		ranks = p.inventory.Match(r.Constraint)
		if len(p.matches) >= maxMatches {
			clear(p.matches)
		}
		p.matches[key] = ranks
	}
	return ranks
}
