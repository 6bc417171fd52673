// SPDX-License-Identifier: LGPL-3.0-or-later

package jobexec

import (
	"fmt"
	"syscall"
	"time"

	"goflux/idset"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

type shell struct {
	rank      uint32
	shellRank int
	pid       int
	ended     bool
	away      time.Time // since when its node cannot be reached; zero: it can
	missed    int       // attempts to reach it since then
	unsure    bool      // it may have begun: a launch was lost on the way to its node, or back
}

// launchOn has one shell started, or found again.
func (e *exec) launchOn(j *job, sh *shell, req *rpc.AgentLaunch) {
	e.launches++
	req.Number = e.launches
	e.h.Request(service.Request{
		Topic: "job-agent.launch", NodeID: sh.rank, Flags: message.FlagStreaming, Payload: req,
	}, func(m *message.Message) {
		if err := m.Err(); err != nil && e.awaited(j, sh, err) {
			e.relaunch(j, sh, req)
			return
		}
		e.agentEvent(j, sh, m)
	})
}

func (e *exec) agentEvent(j *job, sh *shell, m *message.Message) {
	if sh.ended {
		return
	}
	if err := m.Err(); err != nil {
		e.shellLost(j, sh, err)
		return
	}
	var ev rpc.AgentEvent
	if err := m.Decode(&ev); err != nil {
		e.shellLost(j, sh, err)
		return
	}
	switch ev.Type {
	case "started":
		first := sh.pid == 0
		if sh.pid = ev.Pid; !sh.away.IsZero() {
			e.returned(j, sh)
		}
		if first {
			e.shellStarted(j, sh, j.reattach || ev.Found)
		}
	case "log":
		e.log(j, "log", map[string]any{
			"component": "flux-shell", "stream": ev.Stream, "rank": fmt.Sprint(sh.rank), "data": ev.Data,
		})
	case "exited":
		e.addRest(j, sh, ev.Rest)
		e.shellExited(j, sh, ev.Status)
	}
}

// addRest adds to the job's streams what a shell has left to be added. What is
// told again, because the leader has restarted since, is known by its number.
func (e *exec) addRest(j *job, sh *shell, rest []rpc.ShellRest) {
	for _, r := range rest {
		e.h.Request(service.Request{
			Topic: "job-info.stream-append", NodeID: message.NodeAny,
			Payload: &rpc.JobStreamAppend{
				ID: j.id, Attempt: j.attempt, Stream: r.Stream, Data: r.Data, Seq: r.Seq, Writer: sh.shellRank, Last: true,
			},
		}, nil)
	}
}

func (e *exec) shellStarted(j *job, sh *shell, found bool) {
	j.found = j.found || found
	if found && j.killer != nil { // it has not heard that
		e.signalShell(j, sh, j.killer.asked)
	}
	if j.pending--; j.pending > 0 || j.started {
		return
	}
	j.started = true
	if j.reattach {
		e.respond(j, "reattached", rpc.ExecData{})
	} else {
		e.respond(j, "start", rpc.ExecData{})
		e.log(j, "recoverable", nil)
	}
	e.armExpiration(j, j.r.Expiration)
}

func (e *exec) shellExited(j *job, sh *shell, status int) {
	if sh.shellRank == 0 {
		ctx := map[string]any{"rank": sh.rank, "wait_status": status}
		if active := j.activeRanks(sh); !active.Empty() {
			ctx["active_ranks"] = active.String()
		}
		e.log(j, "shell-exit", ctx)
		e.awaitStragglers(j)
	}
	j.status = max(j.status, status)
	e.checkBarrier(j, sh)
	if st := syscall.WaitStatus(status); st.Signaled() {
		e.shellKilled(j, sh, st.Signal())
	}
	e.ended(j, sh)
}

// shellKilled is a shell that a signal ended: it has not said goodbye to the
// leader, who would wait for it; and without its leader a job cannot go on.
func (e *exec) shellKilled(j *job, sh *shell, sig syscall.Signal) {
	text := fmt.Sprintf("shell rank %d (on %s): %s", sh.shellRank, j.r.Host(sh.rank), message.SignalText(sig))
	if sh.shellRank == 0 {
		e.fatalError(j, text)
		return
	}
	e.tellLost(j, sh, j.isCritical(sh), text)
}

// shellLost is a shell that could not be started, or whose node is gone.
func (e *exec) shellLost(j *job, sh *shell, err error) {
	host := j.r.Host(sh.rank)
	switch errno := message.Errno(err); {
	case errno == syscall.EHOSTUNREACH:
		e.shellGone(j, sh, "")
		return
	case errno == syscall.ESRCH && !sh.away.IsZero():
		e.shellGone(j, sh, ": it came back without the job's shell")
		return
	case errno == syscall.ESRCH:
		e.fatalError(j, fmt.Sprintf("the job's shell is not on %s (rank %d) any more", host, sh.rank))
	case errno == syscall.ENOSYS:
		e.fatalError(j, fmt.Sprintf("job-agent service is not loaded on %s (rank %d)", host, sh.rank))
	default:
		e.fatalError(j, fmt.Sprintf("job shell exec error on broker %s (rank %d): %v", host, sh.rank, err))
	}
	j.status = max(j.status, 1<<8)
	e.ended(j, sh)
}

// shellGone is a shell that is lost with its node.
func (e *exec) shellGone(j *job, sh *shell, how string) {
	e.nodeFailed(j, sh, how)
	j.status = max(j.status, 1<<8)
	e.ended(j, sh)
}

// tellLost tells the leader shell, if there is one to tell.
func (e *exec) tellLost(j *job, sh *shell, critical bool, text string) {
	if sh.shellRank == 0 {
		return
	}
	severity := severityNotCritical
	if critical {
		severity = 0
	}
	e.h.Request(service.Request{
		Topic:   e.shellTopic(j, "exception"),
		NodeID:  j.ranks[0],
		Payload: rpc.ShellException{Type: "lost-shell", Severity: severity, ShellRank: sh.shellRank, Message: text},
	}, nil)
}

func (e *exec) ended(j *job, sh *shell) {
	sh.ended = true
	if sh.pid == 0 && j.pending > 0 {
		j.pending--
	}
	if j.running--; j.running == 0 {
		e.finish(j)
	}
}

// isCritical tells whether the job cannot do without a shell.
func (j *job) isCritical(sh *shell) bool {
	return j.critical == nil || j.critical.Contains(uint32(sh.shellRank))
}

// activeRanks are the ranks whose shells still run, but for one.
func (j *job) activeRanks(but *shell) *idset.Set {
	s := idset.New()
	for _, sh := range j.shells {
		if !sh.ended && sh != but {
			s.Add(sh.rank)
		}
	}
	return s
}

// criticalRanks takes a job's word for which shells it cannot do without, and
// answers when the next execution service will know it, too.
func (e *exec) criticalRanks(c *service.Call, req *rpc.CriticalRanks) {
	j := e.jobs[req.ID]
	if j == nil && e.tooEarly(c, func() { e.criticalRanks(c, req) }) {
		return
	}
	if j == nil {
		c.Fail(syscall.ENOENT)
		return
	}
	if err := c.Cred().Authorize(j.userid); err != nil {
		c.Fail(err)
		return
	}
	ranks, err := idset.Parse(req.Ranks)
	if err != nil {
		c.Fail(message.Errorf(syscall.EINVAL, "critical ranks: %v", err))
		return
	}
	j.critical = ranks
	e.h.Request(service.Request{
		Topic: "job-info.critical-ranks", NodeID: message.NodeAny,
		Payload: rpc.CriticalRanks{ID: j.id, Ranks: "[" + ranks.String() + "]"}, // an empty set is one, too
	}, func(m *message.Message) {
		if err := m.Err(); err != nil {
			c.Fail(err)
			return
		}
		c.Respond(nil)
	})
}
