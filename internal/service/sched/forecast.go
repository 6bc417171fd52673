// SPDX-License-Identifier: LGPL-3.0-or-later

package sched

import (
	"context"
	"math"
	"reflect"
	"time"

	core "goflux/internal/core/sched"
	"goflux/internal/rpc"
	"goflux/jobid"
)

const (
	// forecastDelay is how long after a pass pending jobs are told why they
	// wait: long enough that this costs nothing while the queue moves.
	forecastDelay = 500 * time.Millisecond
	// forecastMost is how many jobs at the head of the queue are told.
	forecastMost = core.DefaultDepth
	// forecastShare bounds what forecasts cost: each is followed by a rest of
	// so many times its duration.
	forecastShare = 20
	// estimateStep is by how many seconds an estimate has to change to be told.
	estimateStep = 1.0
	// statsWeight is the weight of the newest sample in moving averages.
	statsWeight = 0.25
)

// planForecast lets pending jobs be told before long.
func (s *scheduler) planForecast() {
	switch {
	case len(s.pending) == 0 || s.m == nil:
	case s.debug&debugReasonPending != 0:
		s.tellShort() // tests wait for it
	case s.forecastTimer == nil:
		s.forecastTimer = s.h.After(max(forecastDelay, s.forecastRest), s.forecast)
	}
}

// tellShort tells all that wait, in two words.
func (s *scheduler) tellShort() {
	for i, id := range s.m.Queue(s.m.Pending()) {
		s.annotate(id, map[string]any{"reason_pending": "insufficient resources", "jobs_ahead": i})
	}
}

// forecast works out, elsewhere, when the jobs at the head of the queue may
// start, and then tells them.
func (s *scheduler) forecast() {
	if s.m.Pending() == 0 {
		s.forecastTimer = nil
		return
	}
	outlook, now := s.m.Outlook(forecastMost), s.now()
	var estimates []core.Estimate
	s.h.Go(func(context.Context) { estimates = outlook.Estimates(now) }, func() {
		s.forecastRest = time.Duration((s.now() - now) * forecastShare * float64(time.Second))
		s.forecastTimer = nil
		s.stats.ForecastPasses++
		s.tell(estimates)
	})
}

// tell annotates the jobs at the head of the queue.
func (s *scheduler) tell(estimates []core.Estimate) {
	at := map[jobid.ID]float64{}
	for _, e := range estimates {
		at[e.ID] = e.At
	}
	for _, id := range s.m.Queue(forecastMost) {
		if p := s.pending[id]; p != nil {
			s.annotate(id, s.explain(id, p, at))
		}
	}
}

// explain is the annotations of a pending job.
func (s *scheduler) explain(id jobid.ID, p *request, estimates map[jobid.ID]float64) map[string]any {
	sched := map[string]any{"t_estimate": nil}
	if at, ok := estimates[id]; ok {
		sched["t_estimate"] = at
		if was, ok := p.told["t_estimate"].(float64); ok && math.Abs(was-at) < estimateStep {
			sched["t_estimate"] = was
		}
	}
	if r, ok := s.m.Explain(id); ok {
		sched["reason_pending"] = r.String()
	}
	return sched
}

// annotate tells a job what has changed.
func (s *scheduler) annotate(id jobid.ID, sched map[string]any) {
	p := s.pending[id]
	if p == nil {
		return
	}
	news := map[string]any{}
	for key, value := range sched {
		if was := p.told[key]; !reflect.DeepEqual(was, value) {
			news[key], p.told[key] = value, value
		}
	}
	if len(news) == 0 {
		return
	}
	s.stats.ForecastYields++
	s.respond(p, &rpc.SchedAllocResponse{ID: id, Type: rpc.AllocAnnotate, Annotations: map[string]any{"sched": news}})
}

func (s *scheduler) noteStep(answers int) {
	s.stats.SchedPasses++
	s.stats.SchedYields += answers
}

// noteRequest keeps the moving average of the time between requests.
func (s *scheduler) noteRequest() {
	now := s.now()
	if s.lastRequest != 0 {
		s.stats.SchedIntervalEWMA += statsWeight * (now - s.lastRequest - s.stats.SchedIntervalEWMA)
	}
	s.lastRequest = now
}

// Stats implements service.Statser.
func (s *scheduler) Stats() any {
	stats := s.stats
	stats.PendingJobs = len(s.pending)
	return stats
}
