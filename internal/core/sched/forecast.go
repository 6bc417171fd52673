// SPDX-License-Identifier: LGPL-3.0-or-later

package sched

import (
	"cmp"
	"slices"

	"goflux/jobid"
	"goflux/rset"
)

// Estimate is when a request may be granted, in seconds since the epoch, for
// the annotation sched.t_estimate.
type Estimate struct {
	ID jobid.ID
	At float64
}

// Forecast is Outlook and Estimates in one.
func (m *Machine) Forecast(now float64, most int) []Estimate {
	return m.Outlook(most).Estimates(now)
}

// Outlook is a copy of what there is, who holds what of it until when, and the
// head of the queue. It shares nothing that changes with the machine, so it may
// be looked at by another goroutine.
type Outlook struct {
	pool  *pool
	ends  []release
	queue []waiting
}

type release struct {
	at float64
	r  *rset.R
}

// Outlook makes a copy with the first most requests of the queue. Its cost is
// in the nodes and the running jobs.
func (m *Machine) Outlook(most int) *Outlook {
	o := &Outlook{pool: m.pool.clone()}
	for _, job := range m.running {
		if job.end > 0 {
			o.ends = append(o.ends, release{job.end, job.r})
		}
	}
	m.queue.Scan(func(w *waiting) bool {
		if len(o.queue) == most {
			return false
		}
		o.queue = append(o.queue, *w)
		return true
	})
	return o
}

// Estimates says when the requests will be granted, if every job runs as long
// as it may and none comes in between. It ends before the first about which
// nothing can be said: because a job ahead has no end, or because not enough
// ever becomes free. It may be called once. Its cost is in the nodes, for each
// request, and in what the running jobs hold.
func (o *Outlook) Estimates(now float64) []Estimate {
	slices.SortFunc(o.ends, func(a, b release) int { return cmp.Compare(a.at, b.at) })
	s := simulation{pool: o.pool, now: now, ends: o.ends}
	var out []Estimate
	for i := range o.queue {
		w := &o.queue[i]
		if !s.start(w.request) {
			break
		}
		out = append(out, Estimate{w.id, s.now})
		if w.request.Duration == 0 {
			break
		}
	}
	return out
}

// simulation runs ahead of time.
type simulation struct {
	pool *pool
	now  float64
	ends []release // sorted by time
}

func (s *simulation) add(at float64, r *rset.R) {
	i, _ := slices.BinarySearchFunc(s.ends, at, func(e release, at float64) int { return cmp.Compare(e.at, at) })
	s.ends = slices.Insert(s.ends, i, release{at, r})
}

// start grants a request as soon as it fits; ok is false if it never does. To
// choose nodes costs a look at many of them, so while jobs end one after another
// only the room is counted.
func (s *simulation) start(r *Request) (ok bool) {
	m := newMeter(s.pool, r)
	for m.room < m.need {
		if len(s.ends) == 0 {
			return false
		}
		// Jobs past their end are on their way out.
		s.now = max(s.now, s.ends[0].at)
		for len(s.ends) > 0 && s.ends[0].at <= s.now {
			m.give(s.ends[0].r)
			s.ends = s.ends[1:]
		}
	}
	picks, slots, ok := s.pool.place(r)
	if ok {
		s.add(s.now+r.Duration, s.pool.takePicks(picks, slots))
	}
	return ok
}

// meter counts the nodes or slots that a request would find. The request fits
// if there are as many as it needs at least.
type meter struct {
	pool       *pool
	room, need int64
	on         func(*node) int64 // the room on a node
}

func newMeter(p *pool, r *Request) *meter {
	allowed := p.match(r)
	m := &meter{pool: p, need: r.Slots.Min()}
	count := func(n *node) int64 { return n.slots(r) }
	if !r.Nodes.IsZero() {
		m.need = r.Nodes.Min()
		_, count = nodeRoom(r)
	}
	m.on = func(n *node) int64 {
		if !n.up || !allowed.Contains(n.rank) {
			return 0
		}
		return count(n)
	}
	for _, n := range p.nodes {
		m.room += m.on(n)
	}
	return m
}

// give returns what a job held, and counts again where that was.
func (m *meter) give(r *rset.R) {
	m.room -= m.onAll(r)
	m.pool.give(r)
	m.room += m.onAll(r)
}

func (m *meter) onAll(r *rset.R) (room int64) {
	for rank := range r.Ranks().All() {
		if n := m.pool.nodes[rank]; n != nil {
			room += m.on(n)
		}
	}
	return room
}
