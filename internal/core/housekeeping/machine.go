// SPDX-License-Identifier: LGPL-3.0-or-later

package housekeeping

import (
	"cmp"
	"slices"

	"goflux/idset"
	"goflux/jobid"
	"goflux/rset"
)

// Never is a release-after that frees a job's nodes together.
const Never = -1.0

// Allocation is what housekeeping holds of a job that has ended.
type Allocation struct {
	ID     jobid.ID
	UserID uint32
	R      *rset.R    // as the job had it
	Freed  *idset.Set // ranks that have been freed
	TStart float64    // seconds since the epoch
	// Pending are the ranks on which the command has not ended.
	Pending *idset.Set

	timer float64 // when what is done is freed; 0: not set
	late  bool    // that time has passed
}

// Held are the ranks not freed yet.
func (a *Allocation) Held() *idset.Set { return a.R.Ranks().Subtract(a.Freed) }

// Machine is all allocations. It is used by one goroutine.
type Machine struct {
	allocs map[jobid.ID]*Allocation
	// after is how long to wait, from when the first node of a job is done, in
	// seconds, before nodes are freed one by one; 0 at once, Never not at all.
	after float64
}

// Effect is something the machine wants done, in order.
type Effect interface{ effect() }

// Effects.
type (
	// Keep records an allocation as it is now.
	Keep struct{ *Allocation }
	// Forget drops its record.
	Forget struct{ ID jobid.ID }
	// Free returns resources to the scheduler; Final says that these are the
	// last of the job (RFC 27).
	Free struct {
		ID    jobid.ID
		R     *rset.R
		Final bool
	}
)

func (Keep) effect()   {}
func (Forget) effect() {}
func (Free) effect()   {}

// New returns a machine that holds nothing.
func New() *Machine { return &Machine{allocs: map[jobid.ID]*Allocation{}, after: Never} }

// ReleaseAfter sets how long nodes that are done wait for the others.
func (m *Machine) ReleaseAfter(seconds float64) { m.after = seconds }

// After is what ReleaseAfter has set.
func (m *Machine) After() float64 { return m.after }

// Start takes over the resources of a job that has ended. The caller runs the
// command on all of its ranks.
func (m *Machine) Start(now float64, id jobid.ID, userid uint32, r *rset.R) (*Allocation, []Effect) {
	a := &Allocation{ID: id, UserID: userid, R: r, Freed: idset.New(), TStart: now, Pending: r.Ranks().Clone()}
	m.allocs[id] = a
	return a, []Effect{Keep{a}}
}

// Restore takes in an allocation of an earlier run: nobody knows how far the
// command had come on the ranks that are still held, so it is to run there again.
func (m *Machine) Restore(a *Allocation) {
	a.Pending = a.Held()
	m.allocs[a.ID] = a
}

// Get returns an allocation, or nil.
func (m *Machine) Get(id jobid.ID) *Allocation { return m.allocs[id] }

// All returns the allocations, oldest job first.
func (m *Machine) All() []*Allocation {
	out := make([]*Allocation, 0, len(m.allocs))
	for _, a := range m.allocs {
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b *Allocation) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Done says that the command has ended on a rank.
func (m *Machine) Done(now float64, id jobid.ID, rank uint32) []Effect {
	a := m.allocs[id]
	if a == nil || !a.Pending.Contains(rank) {
		return nil
	}
	a.Pending.Remove(rank)
	if a.Pending.Empty() || a.late || m.after == 0 {
		return m.release(a)
	}
	if m.after > 0 && a.timer == 0 {
		a.timer = now + m.after
	}
	return nil
}

// Next is when [Machine.Tick] is to be called; false for never.
func (m *Machine) Next() (at float64, ok bool) {
	for _, a := range m.allocs {
		if a.timer != 0 && !a.late && (!ok || a.timer < at) {
			at, ok = a.timer, true
		}
	}
	return at, ok
}

// Tick frees what has waited long enough.
func (m *Machine) Tick(now float64) []Effect {
	var out []Effect
	for _, a := range m.All() {
		if a.timer != 0 && !a.late && a.timer <= now {
			a.late = true
			out = append(out, m.release(a)...)
		}
	}
	return out
}

// release frees the ranks that are done.
func (m *Machine) release(a *Allocation) []Effect {
	ranks := a.Held().Subtract(a.Pending)
	if ranks.Empty() {
		return nil
	}
	a.Freed = a.Freed.Union(ranks)
	free := Free{a.ID, a.R.Subset(ranks), a.Pending.Empty()}
	if free.Final {
		delete(m.allocs, a.ID)
		return []Effect{Forget{a.ID}, free}
	}
	return []Effect{Keep{a}, free}
}

// Hello returns what a new scheduler is to be told of. One that cannot deal with
// allocations of which a part has been freed (RFC 27, partial-ok) is not told of
// those: they are dropped.
func (m *Machine) Hello(partialOK bool) (tell, dropped []*Allocation, effects []Effect) {
	for _, a := range m.All() {
		if partialOK || a.Freed.Empty() {
			tell = append(tell, a)
			continue
		}
		delete(m.allocs, a.ID)
		dropped = append(dropped, a)
		effects = append(effects, Forget{a.ID})
	}
	return tell, dropped, effects
}
