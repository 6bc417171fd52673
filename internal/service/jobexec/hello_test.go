// SPDX-License-Identifier: LGPL-3.0-or-later

package jobexec

import (
	"errors"
	"testing"

	"goflux/internal/rpc"
	"goflux/internal/testkit/host"
)

// A node that has lost its memory does not get a job that may have begun there
// before; one that was surely not there before, it gets.
func TestNodeWithoutMemory(t *testing.T) {
	a := newAround(t)
	a.mute = map[uint32]bool{0: true, 1: true}
	owner := a.leader.Owner()
	req := newJob(t)
	req.Again = true
	old := owner.Stream("job-exec.start", req)
	req.ID, req.Again = oldJob+1, false
	owner.Stream("job-exec.start", req)
	a.loses(t, old)
}

// Nor does it get one whose shell there has begun, and has even ended, when
// that is not on record: the job is still being started on another node.
func TestNodeWithoutMemoryOfAnEnd(t *testing.T) {
	a := newAround(t)
	a.mute = map[uint32]bool{0: true}
	a.over = true
	m := a.leader.Owner().Stream("job-exec.start", newJob(t))
	<-a.rest // the leader knows of the end
	a.loses(t, m)
}

// loses has rank 1 come without memory: the job is to be given up.
func (a *around) loses(t *testing.T, of *host.Stream) {
	t.Helper()
	var w rpc.AgentWelcome
	if err := a.leader.Owner().RPC("job-exec.agent-hello", rpc.AgentHello{Rank: 1}, &w); err != nil {
		t.Fatal(err)
	}
	l := <-a.launches
	refused(t, l, w)
	var r rpc.ExecResponse
	m := of.Next()
	if err := errors.Join(m.Err(), m.Decode(&r)); err != nil || r.Type != "exception" || r.Data.Type != exceptionNodeFailure {
		t.Errorf("%+v, %v", r, err)
	}
	// The answer did not come: said again, there is nothing left to be given up.
	w = rpc.AgentWelcome{}
	if err := a.leader.Owner().RPC("job-exec.agent-hello", rpc.AgentHello{Rank: 1}, &w); err != nil {
		t.Fatal(err)
	}
	refused(t, l, w)
}

// refused checks that a node that is let in with w does not take l any more.
func refused(t *testing.T, l rpc.AgentLaunch, w rpc.AgentWelcome) {
	t.Helper()
	if w.Term == 0 || w.Term != l.Term || w.Number < l.Number || l.Number == 0 {
		t.Errorf("welcome %+v after launch %d of term %d", w, l.Number, l.Term)
	}
}

// Before all jobs of an earlier service are known, none can be said to be lost.
func TestHelloTooSoon(t *testing.T) {
	a := newAroundSlow(t, true)
	if hello := a.leader.Owner().Send("job-exec.agent-hello", rpc.AgentHello{Rank: 1}, 0); !hello.Idle() {
		t.Error("answered before the jobs are known")
	}
}
