// SPDX-License-Identifier: LGPL-3.0-or-later

package sched

import "fmt"

// feasible says, by an *InfeasibleError, whether the whole inventory, idle and
// up, could not satisfy the least a request wants.
func (p *pool) feasible(r *Request) error {
	if r.Nodes.IsZero() {
		return p.feasibleSlots(r)
	}
	cores, gpus := r.onNode()
	eligible := int64(0)
	for rank := range p.match(r).All() {
		if n := p.nodes[rank]; n.nCores >= cores && n.nGPUs >= gpus {
			eligible++
		}
	}
	want := r.Nodes.Min()
	switch {
	case eligible >= want:
		return nil
	case r.Exclusive:
		return infeasible("need %d exclusive node(s), only %d eligible", want, eligible)
	}
	needs := fmt.Sprintf("%d cores", cores)
	if gpus > 0 {
		needs += fmt.Sprintf(" and %d GPUs", gpus)
	}
	return infeasible("need %d node(s) with %s each, only %d eligible", want, needs, eligible)
}

// feasibleSlots counts slots node by node, for a slot lies within one.
func (p *pool) feasibleSlots(r *Request) error {
	var cores, gpus, byCores, byBoth int64
	for rank := range p.match(r).All() {
		n := p.nodes[rank]
		cores += n.nCores
		gpus += n.nGPUs
		byCores += n.nCores / r.Cores
		byBoth += slotsIn(n.nCores, n.nGPUs, r)
	}
	want := r.Slots.Min()
	if byCores < want {
		return infeasible("need %d slot(s) of %d core(s), only %d such slot(s) available (total cores: %d)",
			want, r.Cores, byCores, cores)
	}
	if byBoth < want {
		return infeasible("need %d slot(s) with %d GPU(s) each, only %d available (total GPUs: %d)",
			want, r.GPUs, byBoth, gpus)
	}
	return nil
}
