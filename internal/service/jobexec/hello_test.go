// SPDX-License-Identifier: LGPL-3.0-or-later

package jobexec

import (
	"errors"
	"testing"

	"goflux/internal/rpc"
	"goflux/jobspec"
)

// A node that has lost its memory does not get a job that may have begun there
// before; one that was surely not there before, it gets.
func TestNodeWithoutMemory(t *testing.T) {
	a := newAround(t)
	a.mute = true
	spec, err := jobspec.FromCommand([]string{"true"}, jobspec.Layout{Tasks: 2}, jobspec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	owner := a.leader.Owner()
	req := rpc.ExecStart{
		ID: oldJob, UserID: oldUser, Jobspec: spec, Attempt: 1, Again: true,
		R: []byte(`{"version":1,"execution":{"R_lite":[{"rank":"0-1","children":{"core":"0"}}],"nodelist":["n[0-1]"],"starttime":0,"expiration":0}}`),
	}
	old := owner.Stream("job-exec.start", req)
	req.ID, req.Again = oldJob+1, false
	owner.Stream("job-exec.start", req)
	var w rpc.AgentWelcome
	if err := owner.RPC("job-exec.agent-hello", rpc.AgentHello{Rank: 1}, &w); err != nil {
		t.Fatal(err)
	}
	if len(w.Lost) != 1 || w.Lost[0] != (rpc.AgentShell{ID: oldJob, Attempt: 1}) || w.Term == 0 {
		t.Errorf("welcome: %+v", w)
	}
	var r rpc.ExecResponse
	m := old.Next()
	if err := errors.Join(m.Err(), m.Decode(&r)); err != nil || r.Type != "exception" || r.Data.Type != exceptionNodeFailure {
		t.Errorf("%+v, %v", r, err)
	}
}

// Before all jobs of an earlier service are known, none can be said to be lost.
func TestHelloTooSoon(t *testing.T) {
	a := newAroundSlow(t, true)
	if hello := a.leader.Owner().Send("job-exec.agent-hello", rpc.AgentHello{Rank: 1}, 0); !hello.Idle() {
		t.Error("answered before the jobs are known")
	}
}
