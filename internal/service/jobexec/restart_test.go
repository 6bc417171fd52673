// SPDX-License-Identifier: LGPL-3.0-or-later

package jobexec

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/testkit/host"
	"goflux/jobid"
	"goflux/jobspec"
)

// around is what the service has to do with: agents and shells on two brokers,
// of which an earlier service has started those of one job.
type around struct {
	leader *host.Broker
	killed chan rpc.AgentKill
	rest   chan rpc.JobStreamAppend // what shells that have ended left
	over   bool                     // the shell on rank 1 has ended
	mute   map[uint32]bool          // launches on a rank are not answered
	slow   bool                     // the job manager does not come to answer

	launches chan rpc.AgentLaunch // of the job, on rank 1
	critical chan rpc.CriticalRanks
	// While gone is set the node of rank 1 goes away once, and comes back without
	// the shell.
	gone, left atomic.Bool
	// While hold is set the job manager hands its calls of sync to held.
	hold atomic.Bool
	held chan *service.Call
}

const (
	oldJob    jobid.ID = 1000
	oldPassed int      = 2 // barriers that the shell on rank 1 has passed
	oldUser   uint32   = 500
)

func newAround(t *testing.T) *around { return newAroundSlow(t, false) }

func newAroundSlow(t *testing.T, slow bool) *around {
	lasting := map[string]string{"statedir": t.TempDir(), "statedir-cleanup": "0", "broker.boot-method": "config"}
	a := &around{launches: make(chan rpc.AgentLaunch, 10), critical: make(chan rpc.CriticalRanks, 1), held: make(chan *service.Call, 10), slow: slow, killed: make(chan rpc.AgentKill, 10), rest: make(chan rpc.JobStreamAppend, 10)}
	a.leader = host.Start(t, host.Options{Rank: 0, Size: 2, Attrs: lasting})
	follower := host.Start(t, host.Options{Rank: 1, Size: 2})
	host.Link(a.leader.Broker, follower.Broker)
	itself := func(service.Host, []string) (any, error) { return a, nil }
	agent := &service.Registration{Name: "job-agent", New: itself, Methods: []service.Method{
		service.Deferred("job-agent.launch", service.Owner, (*around).launch),
		service.Unary("job-agent.kill", service.Owner, (*around).kill),
		service.Unary("job-agent.forget", service.Owner, (*around).forget),
	}}
	shell := fmt.Sprintf("%d-shell-%s", oldUser, oldJob.F58ASCII())
	a.leader.Load(agent)
	follower.Load(agent)
	follower.Load(&service.Registration{Name: shell, New: itself, Methods: []service.Method{
		service.Unary(shell+".barriers", service.Guests, (*around).barriers),
	}})
	a.leader.Load(&service.Registration{Name: "job-manager", New: itself, Methods: []service.Method{
		service.Unary("job-manager.exec-hello", service.Owner, (*around).hello),
		service.Deferred("job-manager.sync", service.Owner, (*around).sync),
	}})
	a.leader.Load(&service.Registration{Name: "job-info", New: itself, Methods: []service.Method{
		service.Deferred("job-info.stream-append", service.Owner, (*around).append),
		service.Unary("job-info.critical-ranks", service.Owner, (*around).noteCritical),
	}})
	a.leader.Load(Registration())
	return a
}

func (a *around) hello(*service.Call, *rpc.ExecHello) (any, error) { return nil, nil }
func (a *around) sync(c *service.Call, _ *rpc.Empty) {
	switch {
	case a.slow:
	case a.hold.Load():
		a.held <- c
	default:
		c.Respond(nil)
	}
}

func (a *around) append(_ *service.Call, req *rpc.JobStreamAppend) {
	if req.Last {
		a.rest <- *req
	}
}

func (a *around) noteCritical(_ *service.Call, req *rpc.CriticalRanks) (any, error) {
	a.critical <- *req
	return nil, nil
}

func (a *around) forget(*service.Call, *rpc.AgentForget) (any, error) { return nil, nil }

func (a *around) launch(c *service.Call, req *rpc.AgentLaunch) {
	if req.ID == oldJob && c.Msg.NodeID == 1 {
		a.launches <- *req
	}
	if a.mute[c.Msg.NodeID] {
		return
	}
	if a.gone.Load() && c.Msg.NodeID == 1 {
		if a.left.Swap(true) {
			c.Fail(syscall.ESRCH)
			return
		}
		c.Respond(rpc.AgentEvent{Type: "started", Pid: 1, Found: true})
		c.Fail(syscall.EHOSTUNREACH)
		return
	}
	c.Respond(rpc.AgentEvent{Type: "started", Pid: 1, Found: true})
	if a.over && c.Msg.NodeID == 1 {
		c.Respond(rpc.AgentEvent{Type: "exited", Rest: []rpc.ShellRest{{Stream: "output", Data: "{}\n", Seq: 3}}})
		c.End()
	}
}

func (a *around) kill(_ *service.Call, req *rpc.AgentKill) (any, error) {
	a.killed <- *req
	return nil, nil
}

func (a *around) barriers(*service.Call, *rpc.Empty) (any, error) {
	return rpc.ShellPassed{Passed: oldPassed}, nil
}

// newJob is a job on both nodes that is to be started.
func newJob(t *testing.T) rpc.ExecStart {
	spec, err := jobspec.FromCommand([]string{"true"}, jobspec.Layout{Tasks: 2}, jobspec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return rpc.ExecStart{
		ID: oldJob, UserID: oldUser, Jobspec: spec, Attempt: 1,
		R: []byte(`{"version":1,"execution":{"R_lite":[{"rank":"0-1","children":{"core":"0"}}],"nodelist":["n[0-1]"],"starttime":0,"expiration":0}}`),
	}
}

// start hands the job to the service and waits until its shells are found.
func (a *around) start(t *testing.T, ending *rpc.JobException) {
	t.Helper()
	req := newJob(t)
	req.Reattach, req.Ending = true, ending
	m := a.leader.Owner().Stream("job-exec.start", req).Next()
	var r rpc.ExecResponse
	if err := errors.Join(m.Err(), m.Decode(&r)); err != nil || r.Type != "reattached" {
		t.Fatalf("%+v, %v", r, err)
	}
}

func (a *around) enter(rank uint32, seq int) *host.Stream {
	return a.leader.Owner().Send("job-exec.shell-barrier", rpc.ShellBarrier{ID: oldJob, Rank: rank, Seq: seq}, 0)
}

// The shells of a job that has an exception are told to end, though the
// exception may have been published to an earlier service only.
func TestEndingJobAfterRestart(t *testing.T) {
	a := newAround(t)
	a.start(t, &rpc.JobException{ID: oldJob, Type: "cancel"})
	if k := <-a.killed; k.ID != oldJob || k.Signum != int(syscall.SIGTERM) {
		t.Errorf("%+v", k)
	}
}

// A shell that lost the answer of a barrier that an earlier service opened is
// let go when another tells that it has passed it.
func TestBarrierAfterRestart(t *testing.T) {
	a := newAround(t)
	a.start(t, nil)
	if err := a.enter(0, oldPassed).Next().Err(); err != nil {
		t.Error(err)
	}
}

// Nor does it wait for one that has ended.
func TestBarrierOfTheEnded(t *testing.T) {
	a := newAround(t)
	a.over = true
	a.start(t, nil)
	if err := a.enter(0, oldPassed+1).Next().Err(); err != nil {
		t.Error(err)
	}
}

// Nor, when the job is to end, for any.
func TestBarrierOfEndingJob(t *testing.T) {
	a := newAround(t)
	a.start(t, &rpc.JobException{ID: oldJob, Type: "cancel"})
	if err := a.enter(0, oldPassed+1).Next().Err(); message.Errno(err) != syscall.EIO {
		t.Error(err)
	}
}

// A shell that asks again, since its broker was away, counts once; and it is
// answered when the others have gone on.
func TestBarrierAgain(t *testing.T) {
	a := newAround(t)
	a.start(t, nil)
	const next = oldPassed + 1
	first := a.enter(0, next)
	again := a.enter(0, next)
	if err := first.Next().Err(); message.Errno(err) != syscall.ECANCELED {
		t.Errorf("the first request: %v", err)
	}
	for _, s := range []*host.Stream{a.enter(1, next), again, a.enter(0, next)} {
		if err := s.Next().Err(); err != nil {
			t.Error(err)
		}
	}
	if late := a.enter(0, next+1); !late.Idle() {
		t.Error("the barrier after that is open")
	}
}

// A service that has just come may not know a job yet: its shells ask again.
func TestBarrierTooEarly(t *testing.T) {
	a := newAroundSlow(t, true)
	if err := a.enter(0, 1).Next().Err(); message.Errno(err) != syscall.EAGAIN {
		t.Errorf("before the job is known: %v", err)
	}
}

// What a shell that has ended left to be added to a stream is added, under the
// shell's own number: an earlier service may have had it added already.
func TestRestIsAdded(t *testing.T) {
	a := newAround(t)
	a.over = true
	a.start(t, nil)
	want := rpc.JobStreamAppend{ID: oldJob, Attempt: 1, Stream: "output", Data: "{}\n", Seq: 3, Writer: 1, Last: true}
	if got := <-a.rest; got != want {
		t.Errorf("%+v", got)
	}
}
