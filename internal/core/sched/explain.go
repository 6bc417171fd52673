// SPDX-License-Identifier: LGPL-3.0-or-later

package sched

import (
	"fmt"

	"goflux/jobid"
)

// Reason says why a request waits.
type Reason struct {
	// JobsAhead is the number of requests served before it.
	JobsAhead int
	// Unit is what it wants, "node" or "slot", Need how many at least.
	Unit string
	Need int64
	// Of the units that could serve it: those free now, those in use by jobs,
	// and those on ranks that are down.
	Free, InUse, Down int64
}

// Blocked reports whether too little is free; if not, the request waits for
// those ahead of it alone.
func (r Reason) Blocked() bool { return r.Free < r.Need }

// String is the reason for people.
func (r Reason) String() string {
	if !r.Blocked() {
		return fmt.Sprintf("waiting for %d job(s) ahead", r.JobsAhead)
	}
	s := fmt.Sprintf("insufficient resources: need %d %s(s), %d free, %d in use, %d down",
		r.Need, r.Unit, r.Free, r.InUse, r.Down)
	if r.JobsAhead > 0 {
		s += fmt.Sprintf("; %d job(s) ahead", r.JobsAhead)
	}
	return s
}

// Explain says why a request waits; ok is false if it does not. Its cost is in
// the requests ahead and the nodes.
func (m *Machine) Explain(id jobid.ID) (reason Reason, ok bool) {
	w := m.waiting[id]
	if w == nil {
		return Reason{}, false
	}
	m.queue.Scan(func(other *waiting) bool {
		if other == w {
			return false
		}
		reason.JobsAhead++
		return true
	})
	r := w.request
	reason.Unit, reason.Need = "slot", r.Slots.Min()
	room, roomNow := func(n *node) int64 { return slotsIn(n.nCores, n.nGPUs, r) }, func(n *node) int64 { return n.slots(r) }
	if !r.Nodes.IsZero() {
		reason.Unit, reason.Need = "node", r.Nodes.Min()
		room, roomNow = nodeRoom(r)
	}
	for rank := range m.pool.match(r).All() {
		n := m.pool.nodes[rank]
		all, now := room(n), roomNow(n)
		if !n.up {
			reason.Down += all
			continue
		}
		reason.Free += now
		reason.InUse += all - now
	}
	return reason, true
}

// nodeRoom says whether a node, idle or as it is, serves as one of those
// wanted: 1 or 0.
func nodeRoom(r *Request) (idle, now func(*node) int64) {
	cores, gpus := r.onNode()
	one := func(yes bool) int64 {
		if yes {
			return 1
		}
		return 0
	}
	idle = func(n *node) int64 { return one(n.nCores >= cores && n.nGPUs >= gpus) }
	now = func(n *node) int64 {
		return one(n.nFreeCores >= cores && n.nFreeGPUs >= gpus && (!r.Exclusive || n.idle()))
	}
	return idle, now
}
