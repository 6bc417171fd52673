// SPDX-License-Identifier: LGPL-3.0-or-later

package jobexec

import (
	"errors"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goflux/internal/message"
	"goflux/internal/rpc"
)

// A node's agent hears which of its shells nobody claims: not before all jobs of
// an earlier service are known, nor before it is on record that they are over.
func TestClaims(t *testing.T) {
	running := rpc.AgentShell{ID: oldJob, Attempt: 1}
	former := rpc.AgentShell{ID: oldJob}
	over := rpc.AgentShell{ID: oldJob + 1, Attempt: 1}
	req := rpc.AgentShells{Shells: []rpc.AgentShell{running, former, over}}
	early := newAroundSlow(t, true)
	if err := early.leader.Owner().RPC("job-exec.claims", req, nil); message.Errno(err) != syscall.EAGAIN {
		t.Errorf("too early: %v", err)
	}
	a := newAround(t)
	a.start(t, nil)
	if err := a.leader.Owner().RPC("job-exec.agent-hello", rpc.AgentHello{Rank: 1}, nil); err != nil { // waits for all jobs
		t.Fatal(err)
	}
	a.hold.Store(true)
	answer := a.leader.Owner().Send("job-exec.claims", req, 0)
	sync := <-a.held
	if !answer.Idle() {
		t.Error("answered before it is on record")
	}
	sync.Respond(nil)
	var gone rpc.AgentShells
	m := answer.Next()
	if err := errors.Join(m.Err(), m.Decode(&gone)); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]rpc.AgentShell{former, over}, gone.Shells); d != "" {
		t.Error(d)
	}
}

// A job that is to end, and whose start an earlier service may have begun, is not
// started: what has begun is found, and told to end.
func TestEndIsNoStart(t *testing.T) {
	a := newAround(t)
	req := newJob(t)
	req.Again, req.Ending = true, &rpc.JobException{ID: oldJob, Type: "timeout"}
	a.leader.Owner().Stream("job-exec.start", req)
	if l := <-a.launches; !l.Reattach {
		t.Errorf("launched: %+v", l)
	}
	if k := <-a.killed; k.ID != oldJob || k.Signum != int(syscall.SIGALRM) {
		t.Errorf("%+v", k)
	}
}

// Which shells a job cannot do without is on record before it is told so, and told
// to the next service.
func TestCriticalRanks(t *testing.T) {
	a := newAround(t)
	a.start(t, nil)
	if err := a.leader.Owner().RPC("job-exec.critical-ranks", rpc.CriticalRanks{ID: oldJob, Ranks: "0"}, nil); err != nil {
		t.Fatal(err)
	}
	if noted := <-a.critical; noted.ID != oldJob || noted.Ranks != "[0]" {
		t.Errorf("noted: %+v", noted)
	}
	next := newAround(t)
	next.gone.Store(true)
	req := newJob(t)
	req.Reattach, req.Critical = true, "[]"
	s := next.leader.Owner().Stream("job-exec.start", req)
	var r rpc.ExecResponse
	for r.Type != "exception" {
		m := s.Next()
		if err := errors.Join(m.Err(), m.Decode(&r)); err != nil {
			t.Fatal(err)
		}
	}
	if r.Data.Type != exceptionNodeFailure || r.Data.Severity != severityNotCritical {
		t.Errorf("a node that is not critical is lost: %+v", r.Data)
	}
}
