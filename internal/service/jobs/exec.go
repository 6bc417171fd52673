// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"syscall"

	"goflux/internal/core/job"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// execLink is the job manager's side of the execution protocol (RFC 32).
type execLink struct {
	service string // "" when there is none
	sender  string
	watched map[string]bool // topics whose responses are taken
}

func (s *jobs) execInit() { s.exec.watched = map[string]bool{} }

// execHello takes a new execution service, in place of a former one unless that
// has jobs: these are its own as long as it is there.
func (s *jobs) execHello(c *service.Call, req *rpc.ExecHello) {
	if n := s.m.Executing(); n > 0 && s.exec.service != "" && s.exec.sender != c.Msg.Sender() {
		c.Fail(message.Errorf(syscall.EINVAL, "%d jobs are with execution service %s", n, s.exec.service))
		return
	}
	topic := req.Service + ".start"
	if !s.exec.watched[topic] {
		s.exec.watched[topic] = true
		s.h.OnResponse(topic, s.execResponse)
	}
	s.exec.service, s.exec.sender = req.Service, c.Msg.Sender()
	s.reply(c, nil)
	s.m.ExecReady(s.now())
}

// execGone: the execution service has left, as note says.
func (s *jobs) execGone(why error, note string) {
	if s.exec.service == "" {
		return
	}
	s.h.Log().Debug("execution service is gone", "err", why)
	s.exec.service, s.exec.sender = "", ""
	s.m.ExecGone(s.now(), note)
}

func (s *jobs) startExec(e job.StartExec) {
	j, r := e.Job, s.records[e.Job.ID]
	req := &rpc.ExecStart{
		ID: j.ID, UserID: j.UserID, Jobspec: j.Jobspec, R: j.CurrentR(), Reattach: e.Reattach, Again: e.Again,
		Attempt: j.Attempt, J: j.J, Critical: r.critical, Guest: r.guest,
	}
	if x := j.EndedBy; x != nil {
		req.Ending = &rpc.JobException{ID: j.ID, Type: x.Type, Severity: x.Severity, WaitStatus: x.WaitStatus}
	}
	s.h.Request(service.Request{
		Topic: s.exec.service + ".start", NodeID: message.NodeAny, NoMatchtag: true, Flags: message.FlagStreaming,
		Payload: req,
	}, nil)
}

// criticalField is the field of a job's record with its critical ranks.
const criticalField = "critical"

// criticalRanks notes which shells a job cannot do without, for the execution
// service that has the job after a restart.
func (s *jobs) criticalRanks(c *service.Call, req *rpc.CriticalRanks) {
	r := s.records[req.ID]
	if r == nil {
		c.Fail(syscall.ENOENT)
		return
	}
	r.critical = req.Ranks
	s.batch.SetField(uint64(req.ID), criticalField, []byte(req.Ranks))
	s.reply(c, nil)
}

// extendExec tells the execution service a new time limit of a job.
func (s *jobs) extendExec(j *job.Job, at float64) {
	if s.exec.service == "" {
		return
	}
	s.h.Request(service.Request{
		Topic: s.exec.service + ".expiration", NodeID: message.NodeAny, Payload: rpc.ExecExpiration{ID: j.ID, Expiration: at},
	}, func(m *message.Message) {
		if m.Err() != nil && j.State != job.Inactive {
			s.m.Raise(s.now(), j, job.Exception{
				Type: "exec", Severity: 1,
				Note: "failed to send expiration update to exec system: job termination may not coincide with expiration",
			})
		}
	})
}

func (s *jobs) execResponse(m *message.Message) {
	if err := m.Err(); err != nil { // RFC 32: it has left
		s.execGone(err, "disconnect")
		return
	}
	var r rpc.ExecResponse
	if err := m.Decode(&r); err != nil {
		s.execGone(err, "start response error")
		return
	}
	j, now := s.m.Job(r.ID), s.now()
	if j == nil {
		return
	}
	switch r.Type {
	case "start":
		s.m.ExecStarted(now, j)
	case "reattached":
		s.m.ExecReattached(now, j)
	case "finish":
		s.m.ExecFinished(now, j, r.Data.Status)
	case "release":
		s.m.ExecReleased(now, j, r.Data.Ranks, r.Data.Final)
	case "exception":
		s.m.Raise(now, j, job.Exception{
			Type: r.Data.Type, Severity: r.Data.Severity, Note: r.Data.Note, UserID: s.owner, WaitStatus: r.Data.WaitStatus,
		})
	default:
		s.h.Log().Error("execution service: unknown response", "type", r.Type, "jobid", r.ID)
	}
}
