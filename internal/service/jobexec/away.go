// SPDX-License-Identifier: LGPL-3.0-or-later

package jobexec

import (
	"fmt"
	"syscall"
	"time"

	"goflux/fsd"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/sys/locale"
)

// This file is about nodes that cannot be reached. Where brokers are started
// anew by an init system, the shells of a broker that died go on, and the next
// broker on the node finds them: so a node has some time to return before its
// jobs get an exception. Elsewhere a node that is lost is lost at once.

const (
	// afterRestart is how long after this service began a node that is not
	// there yet may still come: the brokers of an instance restart together.
	afterRestart = 2 * time.Minute
	// nodeReturn is how long a node that was there may be away, unless
	// exec.node-return-timeout says otherwise: an init system starts a broker
	// that died after some 5 s, and a network that is not back by then has failed.
	nodeReturn = 30 * time.Second
	// relaunchPause is the time between attempts to reach it.
	relaunchPause = 500 * time.Millisecond
)

// exceptionNodeFailure is the type of the exception of a job that has lost a
// node, with severity severityNotCritical if it can do without.
const (
	exceptionNodeFailure = "node-failure"
	severityNotCritical  = 2
)

// awaited tells whether a shell that cannot be reached, or whose node's agent is
// not there yet, may still be: then the launch is made once more.
func (e *exec) awaited(j *job, sh *shell, err error) bool {
	num := message.Errno(err)
	if sh.ended || j.fatal && !j.find || num != syscall.EHOSTUNREACH && num != syscall.ENOSYS {
		return false
	}
	now := e.h.Now()
	if sh.pid == 0 && now.Sub(e.began) < afterRestart {
		return true
	}
	if !service.BrokersReturn(e.h) || num == syscall.ENOSYS && sh.away.IsZero() && sh.pid == 0 {
		return false
	}
	if sh.away.IsZero() {
		sh.away, sh.missed = now, 0
		e.tell(j, sh, fmt.Sprintf("lost contact with %s (rank %d): it has %s to return", j.r.Host(sh.rank), sh.rank, fsd.FormatDuration(e.conf.nodeReturn)))
	}
	// Attempts are counted, not the time: while the leader itself is stopped or
	// its clock is set, no node can return to it.
	sh.missed++
	return time.Duration(sh.missed)*relaunchPause < e.conf.nodeReturn
}

// relaunch has a shell found again, or started if that has not happened.
func (e *exec) relaunch(j *job, sh *shell, req *rpc.AgentLaunch) {
	sh.unsure = true
	again := *req
	again.Again = true
	again.Reattach = req.Reattach || sh.pid != 0
	e.h.After(relaunchPause, func() {
		if sh.ended || e.jobs[j.id] != j {
			return
		}
		if j.fatal && sh.pid == 0 && !j.find { // nobody needs it any more
			e.ended(j, sh)
			return
		}
		e.launchOn(j, sh, &again)
	})
}

// returned is a shell that was away and has been found again.
func (e *exec) returned(j *job, sh *shell) {
	e.tell(j, sh, fmt.Sprintf("%s (rank %d) is back after %.1f s", j.r.Host(sh.rank), sh.rank, e.h.Now().Sub(sh.away).Seconds()))
	sh.away = time.Time{}
	if j.killer != nil { // it has not heard that
		e.signalShell(j, sh, j.killer.asked)
	}
}

// tell puts a line into the job's execution event log, where those who follow
// the job see it, and into the broker's log.
func (e *exec) tell(j *job, sh *shell, text string) {
	e.h.Log().Warn(text, "jobid", locale.JobID(j.id))
	e.log(j, "log", map[string]any{
		"component": "job-exec", "stream": "stderr", "rank": fmt.Sprint(sh.rank), "data": text + "\n",
	})
}

// nodeFailed is a shell whose node is lost.
func (e *exec) nodeFailed(j *job, sh *shell, how string) {
	critical := j.isCritical(sh)
	text := fmt.Sprintf("node failure on %s (shell rank %d)%s", j.r.Host(sh.rank), sh.shellRank, how)
	if critical {
		e.tellLost(j, sh, true, text)
		e.failNode(j, sh, how)
		return
	}
	if j.fatal {
		return
	}
	e.respond(j, "exception", rpc.ExecData{Severity: severityNotCritical, Type: exceptionNodeFailure, Note: text})
	e.tellLost(j, sh, false, "") // the exception has the words
}

// failNode ends a job for the loss of a node.
func (e *exec) failNode(j *job, sh *shell, how string) {
	e.fatal(j, exceptionNodeFailure, fmt.Sprintf("node failure on %s (rank %d)%s", j.r.Host(sh.rank), sh.rank, how))
}

// errNotWhole answers who must ask again when the jobs of an earlier service
// are known.
var errNotWhole = message.Errorf(syscall.EAGAIN, "not all jobs are known yet")

// claims tells a node's agent, which has shells that nobody has asked for since
// its broker came up, which of them belong to no job that runs: the job was
// given up while the node was away. It waits until that is on record.
func (e *exec) claims(c *service.Call, req *rpc.AgentShells) {
	if !e.whole {
		c.Fail(errNotWhole)
		return
	}
	var gone rpc.AgentShells
	for _, s := range req.Shells {
		if j := e.jobs[s.ID]; j == nil || j.attempt > s.Attempt {
			gone.Shells = append(gone.Shells, s)
		}
	}
	e.recorded(false, func(err error) {
		if err != nil {
			c.Fail(err)
			return
		}
		c.Respond(gone)
	})
}
