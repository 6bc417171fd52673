// SPDX-License-Identifier: LGPL-3.0-or-later

package sched

import "goflux/idset"

// node is one rank of the inventory.
type node struct {
	rank        uint32
	host        string
	cores, gpus *idset.Set // all; shared, never changed
	// What no job holds. The sets are the node's own.
	freeCores, freeGPUs *idset.Set
	up                  bool
	// Lengths of the sets above, kept because they decide the order.
	nCores, nGPUs, nFreeCores, nFreeGPUs int64
}

// before is the order in which nodes are taken: worst fit.
func before(a, b *node) bool {
	switch {
	case a.nFreeCores != b.nFreeCores:
		return a.nFreeCores > b.nFreeCores
	case a.nFreeGPUs != b.nFreeGPUs:
		return a.nFreeGPUs > b.nFreeGPUs
	}
	return a.rank < b.rank
}

// idle reports whether no job holds anything on the node.
func (n *node) idle() bool { return n.nFreeCores == n.nCores && n.nFreeGPUs == n.nGPUs }

// slots is how many slots fit into what is free.
func (n *node) slots(r *Request) int64 { return slotsIn(n.nFreeCores, n.nFreeGPUs, r) }

func slotsIn(cores, gpus int64, r *Request) int64 {
	slots := cores / r.Cores
	if r.GPUs > 0 {
		slots = min(slots, gpus/r.GPUs)
	}
	return slots
}

// lowest returns the n lowest ids of a set that has at least n.
func lowest(set *idset.Set, n int64) *idset.Set {
	out := idset.New()
	for run := range set.Ranges() {
		if n <= 0 {
			break
		}
		take := min(n, int64(run.Len()))
		out.AddRange(run.Lo, run.Lo+uint32(take-1))
		n -= take
	}
	return out
}
