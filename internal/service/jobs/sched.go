// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/internal/core/job"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/jobid"
	"goflux/rset"
)

// schedLink is the job manager's side of the scheduler protocol (RFC 27).
type schedLink struct {
	sender string // who said ready; "" when there is no scheduler
}

func (s *jobs) schedInit() { s.h.OnResponse("sched.alloc", s.allocResponse) }

// schedHello tells a scheduler of the jobs that have resources.
func (s *jobs) schedHello(c *service.Call) {
	var req rpc.SchedHello
	if c.Msg.HasPayload() {
		if err := c.Msg.Decode(&req); err != nil {
			c.Fail(err)
			return
		}
	}
	if !c.Streaming() {
		c.Fail(message.Errorf(syscall.EPROTO, "sched-hello is a streaming request"))
		return
	}
	s.after(func() {
		for j := range s.m.Jobs {
			if j.Allocated && !j.Freed && !j.Bypass {
				c.Respond(rpc.SchedHelloJob{ID: j.ID, Priority: j.Priority, UserID: j.UserID, TSubmit: j.TSubmit, R: j.R})
			}
		}
	})
	s.housekeepingHello(c, req.PartialOK)
	s.after(c.End)
}

func (s *jobs) schedReady(c *service.Call, req *rpc.SchedReady) {
	limit := -1
	switch req.Mode {
	case "unlimited":
	case "limited":
		if limit = req.Limit; limit <= 0 {
			c.Fail(message.Errorf(syscall.EPROTO, "sched-ready: limit must be positive"))
			return
		}
	default:
		c.Fail(message.Errorf(syscall.EPROTO, "sched-ready: unknown mode %q", req.Mode))
		return
	}
	if s.sched.sender != "" {
		s.m.SchedulerGone(s.now())
	}
	s.sched.sender = c.Msg.Sender()
	s.reply(c, rpc.Count{Count: s.m.QueueLen()})
	s.m.SchedulerReady(s.now(), limit)
}

// schedGone forgets a scheduler that has left or broken the protocol.
func (s *jobs) schedGone(why error) {
	if s.sched.sender == "" {
		return
	}
	s.h.Log().Debug("scheduler is gone", "err", why)
	s.sched.sender = ""
	s.m.SchedulerGone(s.now())
}

func (s *jobs) requestAlloc(j *job.Job) {
	s.h.Request(service.Request{
		Topic: "sched.alloc", NodeID: message.NodeAny, NoMatchtag: true,
		Payload: &rpc.SchedAlloc{ID: j.ID, Priority: j.Priority, UserID: j.UserID, TSubmit: j.TSubmit, Jobspec: j.Jobspec},
	}, nil)
}

func (s *jobs) cancelAlloc(id jobid.ID) {
	s.h.Request(service.Request{Topic: "sched.cancel", NodeID: message.NodeAny, Payload: rpc.JobID{ID: id}}, nil)
}

func (s *jobs) prioritize(id jobid.ID, priority int64) {
	s.h.Request(service.Request{
		Topic: "sched.prioritize", NodeID: message.NodeAny,
		Payload: rpc.SchedPrioritize{Jobs: [][2]uint64{{uint64(id), uint64(priority)}}},
	}, nil)
}

func (s *jobs) free(id jobid.ID, r jsontext.Value, final bool) {
	s.h.Request(service.Request{
		Topic: "sched.free", NodeID: message.NodeAny, NoMatchtag: true,
		Payload: &rpc.SchedFree{ID: id, R: r, Final: final},
	}, nil)
}

func (s *jobs) allocResponse(m *message.Message) {
	if err := m.Err(); err != nil {
		s.schedGone(err) // RFC 27: an error response is the scheduler's end
		return
	}
	var r rpc.SchedAllocResponse
	if err := m.Decode(&r); err != nil {
		s.schedGone(err)
		return
	}
	j, now := s.m.Job(r.ID), s.now()
	if j == nil {
		if r.Type != rpc.AllocAnnotate {
			s.m.AnsweredLate(now, r.ID, r.R)
		}
		return
	}
	switch r.Type {
	case rpc.AllocSuccess:
		if r.R == nil {
			s.schedGone(syscall.EPROTO)
			return
		}
		s.m.Allocated(now, j, r.R, r.Annotations)
	case rpc.AllocAnnotate:
		if s.m.Annotated(j, r.Annotations) {
			s.annotated(j)
		}
	case rpc.AllocDeny:
		s.m.Denied(now, j, r.Note)
	case rpc.AllocCancel:
		s.m.AllocCanceled(now, j)
	default:
		s.schedGone(syscall.EPROTO)
	}
}

// annotated tells those who follow that a job's annotations have changed,
// which no event of its log does.
func (s *jobs) annotated(j *job.Job) {
	s.after(func() { s.journal.annotations(j, s.now()) })
}

func (s *jobs) allocQuery(*service.Call, *rpc.Empty) (any, error) {
	return rpc.AllocQuery{
		QueueLength: s.m.QueueLen(), AllocPending: s.m.Asked(),
		Running: s.m.Count(job.Run),
	}, nil
}

// resourceStatus answers which resources jobs hold.
func (s *jobs) resourceStatus(*service.Call, *rpc.Empty) (any, error) {
	all := rset.New()
	for j := range s.m.Jobs {
		if !j.Allocated || j.Freed || j.Bypass || j.R == nil {
			continue
		}
		r, err := rset.Parse(j.R)
		if err != nil {
			return nil, err
		}
		all = all.Union(r)
	}
	for _, a := range s.cleaning.m.All() {
		all = all.Union(a.R.Subset(a.Held()))
	}
	return map[string]any{"allocated": all}, nil
}
