// SPDX-License-Identifier: LGPL-3.0-or-later

package sched

import (
	"errors"
	"fmt"
	"syscall"

	"goflux/idset"
	core "goflux/internal/core/sched"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/sys/locale"
	"goflux/rset"
)

// Start implements service.Starter. The module runs at once: resources may be
// found only when brokers join, which they do after rank 0 has loaded its modules.
func (s *scheduler) Start() {
	s.h.SetRunning()
	s.h.Request(service.Request{
		Topic: "resource.acquire", NodeID: 0, Flags: message.FlagStreaming,
	}, s.acquired)
}

// acquired takes what resource.acquire says (RFC 28).
func (s *scheduler) acquired(m *message.Message) {
	var got rpc.ResourceAcquired
	err := m.Err()
	if err == nil {
		err = m.Decode(&got)
	}
	if err == nil && s.m == nil && got.Resources == nil {
		err = message.Errorf(syscall.EPROTO, "missing 'resources' field")
	}
	if err != nil {
		s.acquireFailed(err)
		return
	}
	first := s.m == nil
	if first {
		s.m = core.New(got.Resources)
		if s.backfill {
			s.m.Backfill()
		}
	}
	s.apply(&got)
	if first {
		s.hello()
	}
}

// acquireFailed ends the scheduler. Without resources there is nothing to
// schedule; when the resource service stops, so does this one, in order.
func (s *scheduler) acquireFailed(err error) {
	if s.m == nil {
		s.h.Log().Error("initialization failed: resource.acquire failed", "err", err)
		s.h.Fail(message.Errorf(message.Errno(err), "resource.acquire failed: %v", err))
		return
	}
	s.h.Log().Error("exiting due to resource update failure", "err", err)
	s.h.Request(service.Request{
		Topic: "module.remove", NodeID: s.h.Rank(), Payload: &rpc.ModuleRemove{Name: s.h.Name()},
	}, nil)
}

// apply turns news of resources into events. Idsets that do not parse are
// reported and passed over.
func (s *scheduler) apply(a *rpc.ResourceAcquired) {
	ranks := func(text *string, make func(*idset.Set) core.Event) {
		if text == nil {
			return
		}
		ids, err := idset.Parse(*text)
		if err != nil {
			s.h.Log().Error("resource.acquire", "err", err)
			return
		}
		s.event(make(ids))
	}
	ranks(a.Up, func(ids *idset.Set) core.Event { return core.Up{Ranks: ids} })
	ranks(a.Down, func(ids *idset.Set) core.Event { return core.Down{Ranks: ids} })
	ranks(a.Shrink, func(ids *idset.Set) core.Event { return core.Shrink{Ranks: ids} })
	if a.Expiration != nil && *a.Expiration >= 0 {
		s.h.Log().Info(fmt.Sprintf("resource expiration updated to %.2f", *a.Expiration))
		s.event(core.ResourceExpiration{At: *a.Expiration})
	}
}

// hello asks the job manager what is allocated (RFC 27).
func (s *scheduler) hello() {
	s.h.Request(service.Request{
		Topic: "job-manager.sched-hello", NodeID: 0, Flags: message.FlagStreaming,
		Payload: rpc.SchedHello{PartialOK: s.opt.partialOK},
	}, func(m *message.Message) {
		var job rpc.SchedHelloJob
		switch err := m.Err(); {
		case message.Errno(err) == syscall.ENODATA:
			s.sayReady()
		case err != nil:
			s.startFailed("sched-hello", err)
		default:
			if err := m.Decode(&job); err != nil {
				s.startFailed("sched-hello", err)
				return
			}
			s.helloJob(&job)
		}
	})
}

func (s *scheduler) startFailed(what string, err error) {
	s.h.Log().Error("initialization failed: "+what+" failed", "err", err)
	s.h.Fail(message.Errorf(message.Errno(err), "%s failed: %v", what, err))
}

// helloJob books what a job holds. A job that holds what is not there gets a
// fatal exception.
func (s *scheduler) helloJob(job *rpc.SchedHelloJob) {
	if s.opt.debug {
		s.h.Log().Debug(fmt.Sprintf("hello: id=%s priority=%d userid=%d t_submit=%.1f",
			locale.JobID(job.ID), job.Priority, job.UserID, job.TSubmit))
	}
	err := s.book(job)
	if err == nil {
		return
	}
	s.h.Log().Error(fmt.Sprintf("raising fatal exception on running job id=%s", locale.JobID(job.ID)), "err", err)
	s.h.Request(service.Request{Topic: "job-manager.raise", NodeID: 0, Payload: &rpc.JobRaise{
		ID: job.ID, Type: "scheduler-restart", Note: "failed to reallocate R for running job",
	}}, func(m *message.Message) {
		if err := m.Err(); err != nil {
			s.h.Log().Error(fmt.Sprintf("error raising fatal exception on %s", locale.JobID(job.ID)), "err", err)
		}
	})
}

func (s *scheduler) book(job *rpc.SchedHelloJob) error {
	r, err := rset.Parse(job.R)
	if err != nil {
		return err
	}
	if job.Free != "" {
		ids, err := idset.Parse(job.Free)
		if err != nil {
			return err
		}
		r = r.Without(ids)
	}
	s.step() // what is up comes first
	_, err = s.m.Step(s.now(), core.Hello{ID: job.ID, R: r})
	var refused *core.EventError
	if errors.As(err, &refused) {
		return refused
	}
	return err
}

// sayReady tells the job manager that requests may come.
func (s *scheduler) sayReady() {
	req := rpc.SchedReady{Mode: "unlimited"}
	if s.opt.depth != core.Unlimited {
		req = rpc.SchedReady{Mode: "limited", Limit: s.opt.depth}
	}
	s.h.Request(service.Request{Topic: "job-manager.sched-ready", NodeID: 0, Payload: req}, func(m *message.Message) {
		if err := m.Err(); err != nil {
			s.startFailed("sched-ready", err)
			return
		}
		s.h.Log().Info(fmt.Sprintf("ready: queue-depth=%s log-level=%s pool-class=Rv1Pool Rv1 %s",
			s.opt.depthText(), s.opt.logLevel, s.m.All().Summary()))
	})
	// What the job manager sends now follows its answer.
	s.ready = true
	early := s.early
	s.early = nil
	for _, fn := range early {
		fn()
	}
}

// Stop implements service.Stopper. Those it has a standing with, and whose
// place others may now take, are told by the module host.
func (s *scheduler) Stop() {
	if s.forecastTimer != nil {
		s.forecastTimer.Stop()
	}
}
