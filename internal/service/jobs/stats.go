// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"maps"
	"slices"
	"strings"
	"time"

	"goflux/internal/core/job"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/store"
)

// tallies counts jobs by state and result, for all and for each queue. Active
// jobs are followed, ended ones counted by the store.
type tallies struct {
	all    tally
	queues map[string]*tally
}

type tally struct {
	states  [job.Inactive + 1]int
	results [16]int
	purged  int // since the start
}

func (t *tallies) queue(name string) *tally {
	if t.queues == nil {
		t.queues = map[string]*tally{}
	}
	if t.queues[name] == nil {
		t.queues[name] = &tally{}
	}
	return t.queues[name]
}

// moved notes the state a job is in now; counted is the state it was last
// counted in, 0 for none.
func (t *tallies) moved(counted *job.State, j *job.Job, queue string) {
	if *counted == j.State {
		return
	}
	for _, x := range []*tally{&t.all, t.queue(queue)} {
		if *counted != 0 {
			x.states[*counted]--
		}
		x.states[j.State]++
		if j.State == job.Inactive {
			x.results[j.Result()]++
		}
	}
	*counted = j.State
}

// load counts the ended jobs that the store has.
func (t *tallies) load(st *store.Store) error {
	rows, err := st.Tallies()
	for _, r := range rows {
		for _, x := range []*tally{&t.all, t.queue(r.Queue)} {
			x.states[job.Inactive] += int(r.Count)
			x.results[r.Result&15] += int(r.Count)
		}
	}
	return err
}

// forget takes out an ended job whose record goes.
func (t *tallies) forget(a store.AgedJob) {
	for _, x := range []*tally{&t.all, t.queue(a.Queue)} {
		x.states[job.Inactive]--
		x.results[a.Result&15]--
		x.purged++
	}
}

func (t *tallies) inactive() int { return t.all.states[job.Inactive] }

func (x *tally) encode() map[string]any {
	states := map[string]int{}
	total := 0
	for _, st := range []job.State{job.Depend, job.Priority, job.Sched, job.Run, job.Cleanup, job.Inactive} {
		states[strings.ToLower(st.String())] = x.states[st]
		total += x.states[st]
	}
	states["total"] = total
	return map[string]any{
		"job_states": states,
		"successful": x.results[job.Completed], "failed": x.results[job.Failed],
		"canceled": x.results[job.Canceled], "timeout": x.results[job.Timeout],
		"inactive_purged": x.purged,
	}
}

// jobStats answers job-list.job-stats, again and again for a stream.
func (s *jobs) jobStats(c *service.Call) {
	if err := s.public(c); err != nil {
		c.Fail(err)
		return
	}
	s.after(func() {
		c.Respond(s.encodeStats())
		if c.Streaming() {
			s.statsWatch.Add(c, struct{}{})
		}
	})
}

// statsInterval is how often those who follow the statistics hear of changes.
const statsInterval = 500 * time.Millisecond

// statsMoved tells those who follow the statistics, after a while.
func (s *jobs) statsMoved() {
	if s.statsWatch.Len() == 0 || s.statsTimer != nil {
		return
	}
	s.statsTimer = s.h.After(statsInterval, func() {
		s.statsTimer = nil
		for st := range s.statsWatch.All() {
			st.Respond(s.encodeStats())
		}
	})
}

// encodeStats tells of all jobs, and of those of each queue that is configured
// or was.
func (s *jobs) encodeStats() map[string]any {
	if qs := s.m.Queues(); qs.Named() {
		for _, q := range qs.All() {
			s.stats.queue(q.Name)
		}
	}
	out := s.stats.all.encode()
	queues := []map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(s.stats.queues)) {
		if name == "" {
			continue
		}
		q := s.stats.queues[name].encode()
		q["name"] = name
		queues = append(queues, q)
	}
	out["queues"] = queues
	return out
}

func (s *jobs) listStats(c *service.Call, _ *rpc.Empty) {
	if err := s.public(c); err != nil {
		c.Fail(err)
		return
	}
	s.after(func() {
		c.Respond(map[string]any{
			"jobs": map[string]int{
				"pending":  s.m.Count(job.Depend) + s.m.Count(job.Priority) + s.m.Count(job.Sched),
				"running":  s.m.Count(job.Run) + s.m.Count(job.Cleanup),
				"inactive": s.stats.inactive(),
			},
			"idsync":         map[string]int{"lookups": 0, "waits": len(s.pending)},
			"stats_watchers": s.statsWatch.Len(),
		})
	})
}
