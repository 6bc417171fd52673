// SPDX-License-Identifier: LGPL-3.0-or-later

package sched

import (
	"math"

	"goflux/jobspec"
	"goflux/rset"
)

// pick is what is taken of one node.
type pick struct {
	node  *node
	cores int64
	gpus  int64
}

// place chooses resources for a request; ok is false if not enough are free.
// Where a count is a range, as many as there are up to its maximum are taken.
func (p *pool) place(r *Request) (picks []pick, slots int64, ok bool) {
	if r.Nodes.IsZero() {
		return p.placeSlots(r)
	}
	picks = p.fittingNodes(r, limit(r.Nodes))
	n, ok := r.Nodes.Largest(int64(len(picks)))
	if !ok {
		return nil, 0, false
	}
	return picks[:n], n * r.Slots.Min(), true
}

// limit is how many of a count are worth looking for.
func limit(c jobspec.Count) int64 {
	if c.Max() == jobspec.Unbounded {
		return math.MaxInt64
	}
	return c.Max()
}

// fittingNodes returns up to most nodes that have room for the slots wanted of
// each.
func (p *pool) fittingNodes(r *Request, most int64) (picks []pick) {
	allowed := p.match(r)
	cores, gpus := r.onNode()
	p.ready.Scan(func(n *node) bool {
		switch {
		case n.nFreeCores < cores:
			return false // as have all that follow
		case n.nFreeGPUs < gpus || r.Exclusive && !n.idle() || !allowed.Contains(n.rank):
			return true
		case r.Exclusive:
			picks = append(picks, pick{n, n.nCores, n.nGPUs})
		default:
			picks = append(picks, pick{n, cores, gpus})
		}
		return int64(len(picks)) < most
	})
	return picks
}

// placeSlots fills node after node with slots.
func (p *pool) placeSlots(r *Request) (picks []pick, slots int64, ok bool) {
	allowed := p.match(r)
	found, most := int64(0), limit(r.Slots)
	p.ready.Scan(func(n *node) bool {
		if n.nFreeCores < r.Cores {
			return false // as have all that follow
		}
		if fit := min(n.slots(r), most-found); fit > 0 && allowed.Contains(n.rank) {
			picks = append(picks, pick{n, fit * r.Cores, fit * r.GPUs})
			found += fit
		}
		return found < most
	})
	slots, ok = r.Slots.Largest(found)
	if !ok {
		return nil, 0, false
	}
	return trim(picks, found-slots, r), slots, true
}

// trim takes surplus slots off the end.
func trim(picks []pick, surplus int64, r *Request) []pick {
	for surplus > 0 {
		last := &picks[len(picks)-1]
		cut := min(surplus, last.cores/r.Cores)
		last.cores -= cut * r.Cores
		last.gpus -= cut * r.GPUs
		surplus -= cut
		if last.cores == 0 {
			picks = picks[:len(picks)-1]
		}
	}
	return picks
}

// takePicks takes what was chosen and returns it as R, without times.
func (p *pool) takePicks(picks []pick, slots int64) *rset.R {
	entries := make([]rset.Entry, len(picks))
	for i, k := range picks {
		n := k.node
		e := rset.Entry{Rank: n.rank, Host: n.host, Cores: n.cores, GPUs: n.gpus}
		if k.cores < n.nCores {
			e.Cores = lowest(n.freeCores, k.cores)
		}
		if k.gpus < n.nGPUs {
			e.GPUs = lowest(n.freeGPUs, k.gpus)
		}
		p.take(n, e.Cores, e.GPUs)
		entries[i] = e
	}
	r := rset.Build(entries)
	r.NSlots = int(slots)
	r.Scheduling = p.inventory.Scheduling
	p.copyProperties(r, false)
	return r
}

// copyProperties gives r the properties its ranks have in the inventory. Those
// that describe the instance are not for jobs (RFC 20).
func (p *pool) copyProperties(r *rset.R, instanceLocal bool) {
	for _, name := range p.inventory.Properties() {
		if rset.InstanceLocal(name) && !instanceLocal {
			continue
		}
		common := p.inventory.PropertyRanks(name).Intersect(r.Ranks())
		if err := r.SetProperty(name, common); err != nil {
			panic("sched: a property of the inventory is none: " + err.Error())
		}
	}
}

// held returns what jobs hold.
func (p *pool) held() *rset.R {
	var entries []rset.Entry
	for rank := range p.inventory.Ranks().All() {
		n := p.nodes[rank]
		if n.idle() {
			continue
		}
		entries = append(entries, rset.Entry{Rank: rank, Host: n.host,
			Cores: n.cores.Subtract(n.freeCores), GPUs: n.gpus.Subtract(n.freeGPUs)})
	}
	return p.view(entries)
}

// view makes a resource set of part of the inventory, for people to see.
func (p *pool) view(entries []rset.Entry) *rset.R {
	r := rset.Build(entries)
	if len(entries) == 0 {
		r = rset.New()
	}
	r.StartTime, r.Expiration = p.inventory.StartTime, p.inventory.Expiration
	p.copyProperties(r, true)
	return r
}
