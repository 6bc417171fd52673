// SPDX-License-Identifier: LGPL-3.0-or-later

package sched

import (
	"fmt"
	"syscall"
	"time"

	core "goflux/internal/core/sched"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/sys/locale"
	"goflux/jobid"
	"goflux/rset"
)

// Bits of the module's debug flags, which tests set (flux-module(1), debug).
const (
	debugFailAlloc      = 1 // deny every request
	debugReasonPending  = 2 // tell every pending job in short why it waits
	debugDenyExpiration = 4 // refuse every change of an expiration
)

// scheduler is the service.
type scheduler struct {
	h   service.Host
	opt *options
	m   *core.Machine // nil until resources have been acquired
	// backfill is the policy.
	backfill bool

	ready  bool
	early  []func()     // requests that came before that
	events []core.Event // of this batch
	after  []func()     // to be done when they have been applied

	pending map[jobid.ID]*request
	debug   int

	forecastTimer service.Timer // nil when no forecast is due or under way
	forecastRest  time.Duration // to wait at least before the next one
	stats         rpc.SchedStats
	lastRequest   float64
}

// request is a pending sched.alloc.
type request struct {
	msg  *message.Message
	told map[string]any // annotations sent
}

func newScheduler(h service.Host, opt *options) *scheduler {
	return &scheduler{h: h, opt: opt, pending: map[jobid.ID]*request{}}
}

func (s *scheduler) now() float64 { return float64(s.h.Now().UnixNano()) / 1e9 }

// event adds to what EndBatch applies.
func (s *scheduler) event(e core.Event) { s.events = append(s.events, e) }

// whenReady runs fn now or, while the service is starting, when it has started.
func (s *scheduler) whenReady(fn func()) {
	if s.ready {
		fn()
		return
	}
	s.early = append(s.early, fn)
}

// EndBatch implements service.Batcher.
func (s *scheduler) EndBatch() { s.step() }

// step applies what has come in, serves the queue and answers.
func (s *scheduler) step() {
	if len(s.events) == 0 || s.m == nil {
		return
	}
	events := s.events
	s.events = nil
	if s.debug&debugFailAlloc != 0 {
		events = s.denyAll(events)
	}
	effects, err := s.m.Step(s.now(), events...)
	if err != nil {
		s.h.Log().Error("scheduling event refused", "err", err)
	}
	s.noteStep(len(effects))
	for _, e := range effects {
		s.carryOut(e)
	}
	after := s.after
	s.after = nil
	for _, fn := range after {
		fn()
	}
	s.planForecast()
}

// denyAll takes requests out of events and denies them, for tests.
func (s *scheduler) denyAll(events []core.Event) []core.Event {
	var rest []core.Event
	for _, e := range events {
		if sub, ok := e.(core.Submit); ok {
			s.carryOut(core.Deny{ID: sub.ID, Note: "DEBUG_FAIL_ALLOC"})
			continue
		}
		rest = append(rest, e)
	}
	return rest
}

// carryOut answers a request as the machine decided (RFC 27).
func (s *scheduler) carryOut(e core.Effect) {
	switch e := e.(type) {
	case core.Alloc:
		s.granted(e)
	case core.Deny:
		s.answer(e.ID, &rpc.SchedAllocResponse{ID: e.ID, Type: rpc.AllocDeny, Note: e.Note})
	case core.Canceled:
		s.answer(e.ID, &rpc.SchedAllocResponse{ID: e.ID, Type: rpc.AllocCancel})
	}
}

func (s *scheduler) granted(e core.Alloc) {
	raw, err := message.Marshal(e.R)
	if err != nil {
		panic("sched: R does not encode: " + err.Error())
	}
	sched := map[string]any{"resource_summary": e.Summary}
	if e.Ahead != 0 {
		sched["backfill"] = locale.JobID(e.Ahead)
	}
	if p := s.pending[e.ID]; p != nil {
		for key, value := range p.told {
			if value != nil {
				sched[key] = nil // it waits no more
			}
		}
	}
	s.answer(e.ID, &rpc.SchedAllocResponse{
		ID: e.ID, Type: rpc.AllocSuccess, R: raw, Annotations: map[string]any{"sched": sched},
	})
}

// answer sends the last response to a request.
func (s *scheduler) answer(id jobid.ID, resp *rpc.SchedAllocResponse) {
	if p := s.pending[id]; p != nil {
		delete(s.pending, id)
		s.respond(p, resp)
	}
}

func (s *scheduler) respond(p *request, resp *rpc.SchedAllocResponse) {
	r := p.msg.Response()
	r.SetValue(resp)
	s.h.Send(r)
}

// alloc takes a request for resources. It is answered when they are granted.
func (s *scheduler) alloc(c *service.Call, req *rpc.SchedAlloc) {
	s.whenReady(func() {
		s.pending[req.ID] = &request{msg: c.Msg, told: map[string]any{}}
		s.noteRequest()
		if req.Jobspec == nil {
			s.carryOut(core.Deny{ID: req.ID, Note: "cannot parse jobspec: it is missing"})
			return
		}
		r, err := core.NewRequest(req.Jobspec)
		if err != nil {
			s.carryOut(core.Deny{ID: req.ID, Note: "cannot parse jobspec: " + err.Error()})
			return
		}
		s.event(core.Submit{ID: req.ID, Priority: req.Priority, Request: r})
	})
}

func (s *scheduler) cancel(_ *service.Call, req *rpc.JobID) {
	s.whenReady(func() { s.event(core.Cancel{ID: req.ID}) })
}

func (s *scheduler) free(c *service.Call, req *rpc.SchedFree) {
	s.whenReady(func() {
		r, err := rset.Parse(req.R)
		if err != nil {
			s.h.Log().Error("sched.free: R", "jobid", req.ID, "err", err)
			return
		}
		if s.opt.debug {
			final := ""
			if req.Final {
				final = " (final)"
			}
			s.h.Log().Debug(fmt.Sprintf("free: %s: %s%s", locale.JobID(req.ID), r.Summary(), final))
		}
		s.event(core.Free{ID: req.ID, Ranks: r.Ranks(), Final: req.Final})
	})
}

func (s *scheduler) prioritize(_ *service.Call, req *rpc.SchedPrioritize) {
	s.whenReady(func() {
		for _, j := range req.Jobs {
			s.event(core.Prioritize{ID: jobid.ID(j[0]), Priority: int64(j[1])})
		}
	})
}

// expiration changes when a job's allocation ends.
func (s *scheduler) expiration(c *service.Call, req *rpc.SchedExpiration) {
	s.whenReady(func() {
		switch {
		case s.debug&debugDenyExpiration != 0:
			c.Fail(message.Errorf(syscall.EINVAL, "Rejecting expiration update for testing"))
		case req.Expiration < 0:
			c.Fail(message.Errorf(syscall.EINVAL, "invalid expiration %v", req.Expiration))
		default:
			s.step()
			if s.m.Holds(req.ID) == nil {
				c.Fail(message.Errorf(syscall.ENOENT, "job %s has no allocation", req.ID))
				return
			}
			s.event(core.Expiration{ID: req.ID, At: req.Expiration})
			s.after = append(s.after, func() { c.Respond(nil) })
		}
	})
}

func (s *scheduler) resourceStatus(c *service.Call) {
	s.whenReady(func() {
		s.step()
		c.Respond(rpc.SchedStatus{All: s.m.All(), Down: s.m.Down(), Allocated: s.m.Allocated()})
	})
}

// feasibility says whether all resources, idle, could satisfy a job.
func (s *scheduler) feasibility(c *service.Call, req *rpc.FeasibilityCheck) {
	s.whenReady(func() {
		if req.Jobspec == nil {
			c.Fail(message.Errorf(syscall.EPROTO, "feasibility.check: jobspec is missing"))
			return
		}
		r, err := core.NewRequest(req.Jobspec)
		if err == nil {
			err = s.m.Check(r)
		}
		if err != nil {
			c.Fail(err)
			return
		}
		c.Respond(nil)
	})
}

// DebugFlags implements service.DebugWatcher.
func (s *scheduler) DebugFlags(flags int) {
	s.debug = flags
	s.planForecast()
}
