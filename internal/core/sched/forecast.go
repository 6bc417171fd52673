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

// Forecast estimates when the first most requests of the queue will be
// granted, if every job runs as long as it may and none comes in between. It
// ends before the first about which nothing can be said: because a job ahead
// has no end, or because not enough ever becomes free. Its cost is in the nodes
// and the running jobs.
func (m *Machine) Forecast(now float64, most int) []Estimate {
	s := simulation{pool: m.pool.clone(), now: now}
	for _, job := range m.running {
		if job.end > 0 {
			s.ends = append(s.ends, release{job.end, job.r})
		}
	}
	slices.SortFunc(s.ends, func(a, b release) int { return cmp.Compare(a.at, b.at) })
	var out []Estimate
	m.queue.Scan(func(w *waiting) bool {
		if len(out) == most || !s.start(w.request) {
			return false
		}
		out = append(out, Estimate{w.id, s.now})
		return w.request.Duration > 0
	})
	return out
}

// simulation runs ahead of time.
type simulation struct {
	pool *pool
	now  float64
	ends []release // sorted by time
}

type release struct {
	at float64
	r  *rset.R
}

func (s *simulation) add(at float64, r *rset.R) {
	i, _ := slices.BinarySearchFunc(s.ends, at, func(e release, at float64) int { return cmp.Compare(e.at, at) })
	s.ends = slices.Insert(s.ends, i, release{at, r})
}

// start grants a request as soon as it fits; ok is false if it never does.
func (s *simulation) start(r *Request) (ok bool) {
	for {
		if picks, slots, ok := s.pool.place(r); ok {
			s.add(s.now+r.Duration, s.pool.takePicks(picks, slots))
			return true
		}
		if len(s.ends) == 0 {
			return false
		}
		// Jobs past their end are on their way out.
		s.now = max(s.now, s.ends[0].at)
		for len(s.ends) > 0 && s.ends[0].at <= s.now {
			s.pool.give(s.ends[0].r)
			s.ends = s.ends[1:]
		}
	}
}
