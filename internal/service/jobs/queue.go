// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"cmp"
	"fmt"
	"syscall"

	"goflux/internal/core/job"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/store"
)

// saveQueues puts the queues' states into the batch.
func (s *jobs) saveQueues() {
	b, err := message.Marshal(s.queueStates())
	if err == nil {
		s.batch.SetMeta(store.MetaQueues, b)
	}
}

// queueStates are the queues' states as they are kept.
func (s *jobs) queueStates() []rpc.JobQueueState {
	var out []rpc.JobQueueState
	for _, q := range s.m.Queues().All() {
		st := rpc.JobQueueState{Name: q.Name, Enable: q.Enabled, Start: &q.KeepStarted, DisableReason: q.DisableReason}
		if !q.KeepStarted {
			st.StopReason = q.StopReason
		}
		out = append(out, st)
	}
	return out
}

// loadQueues gives the queues that there are the states that were kept.
func (s *jobs) loadQueues(saved []rpc.JobQueueState) {
	for _, st := range saved {
		q := s.m.Queues().Get(st.Name)
		if q == nil {
			continue
		}
		q.Enabled, q.DisableReason = st.Enable, ""
		if !st.Enable {
			q.DisableReason = cmp.Or(st.DisableReason, st.Reason)
		}
		if st.Start != nil {
			q.Started, q.KeepStarted, q.StopReason = *st.Start, *st.Start, st.StopReason
		}
	}
}

// checkpoint is what is kept besides jobs.
func (s *jobs) checkpoint() rpc.JobCheckpoint {
	return rpc.JobCheckpoint{Version: rpc.JobCheckpointVersion, MaxJobID: s.maxID, Queue: s.queueStates()}
}

// chosen returns the queues that a request names.
func (s *jobs) chosen(name string, all bool) ([]*job.Queue, error) {
	qs := s.m.Queues()
	switch {
	case name != "":
		q, err := qs.Lookup(name)
		return []*job.Queue{q}, err
	case qs.Named() && !all:
		return nil, message.Errorf(syscall.EINVAL, "Use --all to apply this command to all queues")
	}
	return qs.All(), nil
}

func (s *jobs) queueEnable(c *service.Call, req *rpc.QueueEnable) {
	list, err := s.chosen(req.Name, req.All)
	if err == nil && !req.Enable && req.Reason == "" {
		err = message.Errorf(syscall.EINVAL, "reason is required for disable")
	}
	if err != nil {
		c.Fail(err)
		return
	}
	for _, q := range list {
		q.Enabled, q.DisableReason = req.Enable, ""
		if !req.Enable {
			q.DisableReason = req.Reason
		}
	}
	s.saveQueues()
	s.reply(c, nil)
}

func (s *jobs) queueStart(c *service.Call, req *rpc.QueueStart) {
	list, err := s.chosen(req.Name, req.All)
	if err != nil {
		c.Fail(err)
		return
	}
	for _, q := range list {
		q.Started, q.StopReason = req.Start, ""
		if !req.Start {
			q.StopReason = req.Reason
		}
		if !req.NoCheckpoint {
			q.KeepStarted = req.Start
		}
	}
	s.saveQueues()
	s.m.QueuesChanged(s.now())
	s.reply(c, nil)
}

func (s *jobs) queueStatus(_ *service.Call, req *rpc.QueueName) (any, error) {
	q, err := s.m.Queues().Lookup(req.Name)
	if err != nil {
		return nil, err
	}
	st := rpc.QueueStatus{Enable: q.Enabled, DisableReason: q.DisableReason, Start: q.Started, StopReason: q.StopReason, Parent: q.Parent}
	block := func(by, reason string) {
		if q.Started {
			st.Blocked = by
		}
		st.Start, st.StopReason = false, reason
	}
	switch {
	case s.sched.sender == "":
		block("scheduler", "Scheduler is offline")
	case q.Started && !s.m.Queues().Started(q.Name):
		block("parent", fmt.Sprintf("parent queue '%s' is stopped", q.Parent))
	}
	return st, nil
}

func (s *jobs) queueList(*service.Call, *rpc.Empty) (any, error) {
	list := rpc.QueueList{Queues: []string{}}
	if s.m.Queues().Named() {
		for _, q := range s.m.Queues().All() {
			list.Queues = append(list.Queues, q.Name)
		}
	}
	return list, nil
}

// drained answers when no job is active.
func (s *jobs) drained(c *service.Call, _ *rpc.Empty) {
	s.drain = append(s.drain, c)
	s.after(s.checkDrained)
}

// idled answers when no job runs and no alloc request is with the scheduler,
// with the number of jobs that wait.
func (s *jobs) idled(c *service.Call, _ *rpc.Empty) {
	s.idle = append(s.idle, c)
	s.after(s.checkDrained)
}

func (s *jobs) checkDrained() {
	if len(s.drain) > 0 && s.m.Len() == 0 {
		for _, c := range s.drain {
			c.Respond(nil)
		}
		s.drain = nil
	}
	busy := s.m.Asked() + s.m.Count(job.Run) + s.m.Count(job.Cleanup)
	if len(s.idle) > 0 && busy == 0 {
		for _, c := range s.idle {
			c.Respond(rpc.Pending{Pending: s.m.Count(job.Depend) + s.m.Count(job.Priority) + s.m.Count(job.Sched)})
		}
		s.idle = nil
	}
}
