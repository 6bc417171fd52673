// SPDX-License-Identifier: LGPL-3.0-or-later

package jobexec

import (
	"fmt"
	"syscall"
	"time"

	"goflux/fsd"
	"goflux/idset"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/sys/locale"
	"goflux/internal/sys/signame"
)

// killer ends a job that got an exception: first it asks, then it kills the
// tasks, then the shells (flux-config-exec(5), job termination).
type killer struct {
	began time.Time
	timer service.Timer
	tasks int            // times that the tasks were killed
	count int            // and the shells
	asked syscall.Signal // what it was asked with
	pause time.Duration  // before the next time
	// warned: its time is over, which tasks hear as SIGALRM.
	warned bool
}

func (k *killer) stop() {
	if k != nil && k.timer != nil {
		k.timer.Stop()
	}
}

const (
	// shellsAfter is when, in kill timeouts, it is the shells' turn.
	shellsAfter = 5
	// maxPause is the longest time between attempts to kill shells.
	maxPause = 300 * time.Second
)

// patience is how long a job is given to end, from the first signal to when its
// nodes are drained.
func (c *config) patience() time.Duration {
	if c.maxKillTimeout > 0 {
		return c.maxKillTimeout
	}
	d, pause := shellsAfter*c.killTimeout, c.killTimeout
	for range c.maxKillCount - 1 {
		d += pause
		pause = min(2*pause, max(maxPause, c.killTimeout))
	}
	return d
}

// exception acts on the event job-exception: of severity zero it ends the job.
func (e *exec) exception(m *message.Message) {
	var x rpc.JobException
	if m.Decode(&x) != nil || x.Severity != 0 {
		return
	}
	if j := e.jobs[x.ID]; j != nil {
		e.except(j, &x)
	}
}

// except ends a job for an exception.
func (e *exec) except(j *job, x *rpc.JobException) {
	if k := j.killer; k != nil {
		if k.warned && x.Type != "timeout" { // a job that outlives that warning may be canceled, too
			k.warned, k.asked = false, e.conf.termSignal
			e.signal(j, k.asked)
		}
		return
	}
	if x.WaitStatus != nil {
		j.blame = exitForm(*x.WaitStatus)
	}
	sig := e.conf.termSignal
	if x.Type == "timeout" {
		sig = syscall.SIGALRM
	}
	if j.mock != nil {
		j.fatal, j.killer = true, &killer{}
		e.endMock(j, int(sig))
		return
	}
	e.end(j, sig)
	j.killer.warned = sig == syscall.SIGALRM
}

// escalate kills again and again until the job has ended or is considered
// unkillable.
func (e *exec) escalate(j *job) {
	k := j.killer
	pause := k.pause
	left := e.conf.maxKillTimeout - e.h.Now().Sub(k.began)
	if e.conf.maxKillTimeout > 0 && left < pause {
		pause = max(left, 0)
	}
	k.timer = e.h.After(pause, func() {
		if e.conf.maxKillTimeout > 0 && e.h.Now().Sub(k.began) >= e.conf.maxKillTimeout {
			e.unkillable(j, "max-kill-timeout of "+fsd.FormatDuration(e.conf.maxKillTimeout))
			return
		}
		e.kill(j)
		if e.conf.maxKillTimeout == 0 && k.count >= e.conf.maxKillCount {
			e.unkillable(j, fmt.Sprintf("max kill count of %d", e.conf.maxKillCount))
			return
		}
		e.escalate(j)
	})
}

// kill is one attempt. The tasks come first: a shell that is killed cannot tell
// how they ended.
func (e *exec) kill(j *job) {
	k, sig := j.killer, e.conf.killSignal
	if k.tasks < shellsAfter-1 {
		k.tasks++
		e.h.Publish(fmt.Sprintf("shell-%d.kill", uint64(j.id)), rpc.ShellKill{Signum: int(sig)})
		return
	}
	if k.count++; k.count > 1 {
		k.pause = min(2*k.pause, max(maxPause, e.conf.killTimeout))
	}
	e.h.Log().Debug("killing the job's shells", "jobid", j.id, "signal", signalName(sig), "count", k.count)
	e.signal(j, sig)
}

// signal sends a signal to the shells that still run: to their process groups,
// for what wraps a shell, or stands for it, as for the shell.
func (e *exec) signal(j *job, sig syscall.Signal) {
	for _, rank := range j.ranks {
		sh := j.shells[rank]
		if !sh.ended {
			e.signalShell(j, sh, sig)
		}
	}
}

func (e *exec) signalShell(j *job, sh *shell, sig syscall.Signal) {
	e.h.Request(service.Request{
		Topic: "job-agent.kill", NodeID: sh.rank,
		Payload: rpc.AgentKill{ID: j.id, Signum: int(sig)},
	}, nil)
}

// unkillable gives up on shells that survive SIGKILL: their nodes are drained.
func (e *exec) unkillable(j *job, limit string) {
	ranks := j.activeRanks(nil)
	e.h.Log().Error(fmt.Sprintf("%s: exceeded %s: draining rank %s", locale.JobID(j.id), limit, ranks))
	e.drain(ranks, fmt.Sprintf("unkillable user processes for job %s", locale.JobID(j.id)))
	for _, rank := range j.ranks {
		sh := j.shells[rank]
		if !sh.ended {
			j.status = max(j.status, 9)
			e.ended(j, sh)
		}
	}
}

func (e *exec) drain(ranks *idset.Set, reason string) {
	e.h.Request(service.Request{
		Topic: "resource.drain", NodeID: 0,
		Payload: map[string]any{"targets": ranks.String(), "mode": "update", "reason": reason},
	}, nil)
}

func signalName(s syscall.Signal) string { return signame.Name(int(s)) }

// exitForm turns a task's wait status into the one a shell would exit with:
// 128 and the signal, or the exit code (RFC 32, finish).
func exitForm(status int) *int {
	ws := syscall.WaitStatus(status)
	code := ws.ExitStatus()
	if ws.Signaled() {
		code = 128 + int(ws.Signal())
	}
	code <<= 8
	return &code
}
