// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"fmt"
	"syscall"

	"goflux/internal/core/job"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/jobid"
)

// zombie is a waitable job: while it is active, and after it has ended until
// somebody has waited for it.
type zombie struct {
	ended   bool
	success bool
	errstr  string
}

// wait answers when a waitable job has ended; each can be waited for once.
func (s *jobs) wait(c *service.Call, req *rpc.JobWait) {
	if req.ID == rpc.JobIDAny {
		s.waitAny(c)
		return
	}
	z := s.zombies[req.ID]
	r := s.records[req.ID]
	switch {
	case z == nil:
		if s.m.Job(req.ID) == nil && !s.isInactive(req.ID) {
			c.Fail(message.Errorf(syscall.ECHILD, "invalid job id, or job may be inactive and not waitable"))
			return
		}
		c.Fail(message.Errorf(syscall.ECHILD, "job was not submitted with FLUX_JOB_WAITABLE"))
	case z.ended:
		s.reap(c, req.ID, z)
	case r != nil && r.waiting != nil:
		c.Fail(message.Errorf(syscall.ECHILD, "job is already being waited on"))
	case r != nil:
		r.waiting = c
	case s.ending[req.ID] != nil:
		s.after(func() { s.wait(c, req) })
	default:
		c.Fail(message.Errorf(syscall.ECHILD, "job is not waitable"))
	}
}

func (s *jobs) waitAny(c *service.Call) {
	var oldest jobid.ID
	active, ending := 0, false
	for id, z := range s.zombies {
		if !z.ended {
			if r := s.records[id]; r != nil && r.waiting == nil {
				active++
			}
			ending = ending || s.ending[id] != nil
		} else if oldest == 0 || id < oldest {
			oldest = id
		}
	}
	switch {
	case oldest != 0:
		s.reap(c, oldest, s.zombies[oldest])
	case ending:
		s.after(func() { s.waitAny(c) })
	case active <= len(s.waiters):
		c.Fail(message.Errorf(syscall.ECHILD, "there are no more waitable jobs"))
	default:
		s.waiters = append(s.waiters, c)
	}
}

func (s *jobs) reap(c *service.Call, id jobid.ID, z *zombie) {
	delete(s.zombies, id)
	s.reply(c, rpc.JobWaited{ID: id, Success: z.success, Errstr: z.errstr})
}

// endWait tells who waits for a job that it has ended.
func (s *jobs) endWait(j *job.Job, r *record) {
	z := s.zombies[j.ID]
	if z == nil {
		return
	}
	z.ended, z.success, z.errstr = true, j.Success(), outcome(j)
	answer := rpc.JobWaited{ID: j.ID, Success: z.success, Errstr: z.errstr}
	switch {
	case r.waiting != nil:
		r.waiting.Respond(answer)
	case len(s.waiters) > 0:
		s.waiters[0].Respond(answer)
		s.waiters = s.waiters[1:]
	default:
		return
	}
	delete(s.zombies, j.ID)
}

// outcome says how a job ended, as flux job wait prints it.
func outcome(j *job.Job) string {
	if x := j.EndedBy; x != nil {
		return fmt.Sprintf("Fatal exception type=%s %s", x.Type, x.Note)
	}
	ws := syscall.WaitStatus(j.WaitStatus)
	switch {
	case !j.Finished || j.WaitStatus == 0:
		return ""
	case ws.Signaled():
		return "task(s) " + message.SignalText(ws.Signal())
	case ws.ExitStatus() > 128:
		return "task(s) " + message.SignalText(syscall.Signal(ws.ExitStatus()-128))
	}
	return fmt.Sprintf("task(s) exited with exit code %d", ws.ExitStatus())
}
