// SPDX-License-Identifier: LGPL-3.0-or-later

package jobagent

import (
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// This file lets a shell take one job after another. To start a shell costs
// several times what the shell of a short job does; so one that has ended its
// job, and has nothing left of it, waits a moment for the next. It is one
// job's process at any time, and that job's alone from the moment it is handed
// over; it takes none when there has been anything out of the ordinary.

const (
	// idleTime is how long a shell waits for a job.
	idleTime = time.Second
	// maxIdle bounds how many wait, however many cores the node has.
	maxIdle = 128
)

// proc is the process of a shell.
type proc struct {
	pid     int
	program string
	dir     string        // it was started in
	started string        // when
	taken   bool          // it has taken a job, not been started for it
	runs    *shell        // its job; nil while it waits
	next    *service.Call // what it waits with
	timer   service.Timer
}

// mayWait tells whether the shell of a job may take another one: both are the
// instance owner's.
func (a *agent) mayWait(req *rpc.AgentLaunch) bool {
	_, can := a.node.(Hander)
	owner, _ := a.h.Attr("security.owner")
	return can && owner == strconv.FormatUint(uint64(req.UserID), 10)
}

// watch waits for the end of a shell's process.
func (a *agent) watch(s *shell, program string) {
	p := &proc{pid: s.pid, program: program, dir: s.dir, runs: s}
	a.procs[p.pid] = p
	a.node.Watch(s.dir, p.pid, func(status int) {
		delete(a.procs, p.pid)
		a.unwait(p)
		a.checkDismissed()
		if p.runs == nil {
			return
		}
		if p.taken {
			status = a.node.(Hander).Ended(p.runs.dir, status)
		}
		a.exited(p.runs, status, a.node.Rest(p.runs.dir))
	})
}

// next takes a shell's word for how its job ended, and has it wait.
func (a *agent) next(c *service.Call, req *rpc.AgentNext) {
	p := a.procs[req.Pid]
	if p == nil || p.runs == nil || p.runs.id != req.ID || p.runs.attempt != req.Attempt {
		c.Fail(message.Errorf(syscall.ESRCH, "process %d is not the shell of job %s", req.Pid, req.ID))
		return
	}
	quiet := a.node.Log(p.runs.logDir) == ""
	s := p.runs
	p.runs = nil
	a.exited(s, req.Status, req.Rest)
	if a.dismissed != nil || !quiet || p.program == "" || len(a.idle) >= min(maxIdle, max(2, len(a.cores))) {
		c.Fail(errNoJob)
		return
	}
	p.next = c
	p.timer = a.h.After(idleTime, func() {
		if a.unwait(p) {
			c.Fail(errNoJob)
		}
	})
	a.idle = append(a.idle, p)
}

var errNoJob = message.Errorf(syscall.ENOENT, "there is no job")

// waiting takes a shell that waits and is that program, nil when none does.
func (a *agent) waiting(program string) *proc {
	for _, p := range slices.Backward(a.idle) {
		if p.program == program {
			return p
		}
	}
	return nil
}

// hand gives a job to a shell that waits.
func (a *agent) hand(p *proc, s *shell, info *rpc.ShellInfo) error {
	node := a.node.(Hander)
	if p.started == "" {
		p.started = node.Started(p.pid)
	}
	info.Pid, info.Started = p.pid, p.started
	if err := node.Hand(s.dir, info); err != nil {
		return err
	}
	a.unwait(p)
	s.pid, s.logDir, p.runs, p.taken = p.pid, p.dir, s, true
	p.next.Respond(rpc.AgentJob{ID: s.id, Info: filepath.Join(s.dir, infoFile)})
	return nil
}

// unwait has a shell no longer wait; false when it did not.
func (a *agent) unwait(p *proc) bool {
	i := slices.Index(a.idle, p)
	if i < 0 {
		return false
	}
	a.idle = slices.Delete(a.idle, i, i+1)
	p.timer.Stop()
	return true
}

// Disconnect implements service.Disconnecter: a shell that is gone waits no
// more, nor does a leader that is gone or out of reach.
func (a *agent) Disconnect(sender string) {
	a.left(sender)
	for _, p := range slices.Clone(a.idle) {
		if p.next.Msg.Sender() == sender {
			a.unwait(p)
		}
	}
}

// dismissTime bounds how long it is waited for shells that are told to end.
const dismissTime = time.Second

// dismiss ends the shells that have no job, and calls done when they are gone.
func (a *agent) dismiss(done func()) {
	a.dismissed = done
	for _, p := range slices.Clone(a.idle) {
		if a.unwait(p) {
			p.next.Fail(errNoJob)
		}
	}
	a.h.After(dismissTime, a.allDismissed)
	a.checkDismissed()
}

func (a *agent) checkDismissed() {
	for _, p := range a.procs {
		if p.runs == nil {
			return
		}
	}
	a.allDismissed()
}

func (a *agent) allDismissed() {
	if a.dismissed != nil && !a.gone {
		a.gone = true
		a.dismissed()
	}
}
