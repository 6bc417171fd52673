// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"sort"
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
	purged int
}

type tally struct {
	states  [job.Inactive + 1]int
	results [16]int
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

// load sets the counts of ended jobs to what the store has.
func (t *tallies) load(st *store.Store) error {
	rows, err := st.Tallies()
	if err != nil {
		return err
	}
	t.queue("")
	reset := []*tally{&t.all}
	for _, q := range t.queues {
		reset = append(reset, q)
	}
	for _, x := range reset {
		x.states[job.Inactive], x.results = 0, [16]int{}
	}
	for _, r := range rows {
		for _, x := range []*tally{&t.all, t.queue(r.Queue)} {
			x.states[job.Inactive] += int(r.Count)
			x.results[r.Result&15] += int(r.Count)
		}
	}
	return nil
}

func (t *tallies) inactive() int { return t.all.states[job.Inactive] }

func (x *tally) encode(purged int) map[string]any {
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
		"inactive_purged": purged,
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

func (s *jobs) encodeStats() map[string]any {
	out := s.stats.all.encode(s.stats.purged)
	queues := []map[string]any{}
	names := make([]string, 0, len(s.stats.queues))
	for n := range s.stats.queues {
		if n != "" {
			names = append(names, n)
		}
	}
	sort.Strings(names)
	for _, n := range names {
		q := s.stats.queues[n].encode(0)
		q["name"] = n
		queues = append(queues, q)
	}
	out["queues"] = queues
	return out
}

func (s *jobs) listStats(c *service.Call, _ *rpc.Empty) (any, error) {
	if err := s.public(c); err != nil {
		return nil, err
	}
	return map[string]any{
		"jobs": map[string]int{
			"pending":  s.m.Count(job.Depend) + s.m.Count(job.Priority) + s.m.Count(job.Sched),
			"running":  s.m.Count(job.Run) + s.m.Count(job.Cleanup),
			"inactive": s.stats.inactive(),
		},
		"idsync":         map[string]int{"lookups": 0, "waits": len(s.pending)},
		"stats_watchers": s.statsWatch.Len(),
	}, nil
}
