// SPDX-License-Identifier: LGPL-3.0-or-later

package jobagent

import (
	"errors"
	"syscall"
	"testing"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/testkit/host"
)

// greeter is a leader that answers hello when it is told to.
type greeter struct{ hello chan *service.Call }

func (g *greeter) registration() *service.Registration {
	return &service.Registration{
		Name:    "job-exec",
		New:     func(service.Host, []string) (any, error) { return g, nil },
		Methods: []service.Method{service.Deferred("job-exec.agent-hello", service.Owner, (*greeter).take)},
	}
}

func (g *greeter) take(c *service.Call, _ *rpc.AgentHello) { g.hello <- c }

// A node without memory takes no job before the leader has given up what may
// have begun there; and then neither that, whenever it comes, nor what an earlier
// leader wants.
func TestNoJobBeforeHello(t *testing.T) {
	node, leader := &paper{}, &greeter{hello: make(chan *service.Call, 1)}
	attrs := map[string]string{"rundir": t.TempDir(), "broker.boot-method": "config"}
	b := host.Start(t, host.Options{Size: 1, Attrs: attrs})
	b.Load(leader.registration())
	b.Load(On(func(service.Host) Node { return node }))
	owner := b.Owner()
	again := launchOf(t, foundJob, 7)
	again.Again, again.Number = true, 1
	lost := owner.Stream("job-agent.launch", again)
	good := owner.Stream("job-agent.launch", launchOf(t, otherJob, 7))
	late := owner.Stream("job-agent.launch", launchOf(t, otherJob+1, 6))
	hello := <-leader.hello
	if node.started != 0 {
		t.Error("a shell was started too soon")
	}
	hello.Respond(&rpc.AgentWelcome{Term: 7, Number: 3})
	again.Number = 3
	for _, s := range []*host.Stream{lost, owner.Stream("job-agent.launch", again)} {
		if err := s.Next().Err(); message.Errno(err) != syscall.ESTALE {
			t.Errorf("a job that was given up: %v", err)
		}
	}
	if err := late.Next().Err(); message.Errno(err) != syscall.ESTALE {
		t.Errorf("a job of an earlier leader: %v", err)
	}
	var ev rpc.AgentEvent
	m := good.Next()
	if err := errors.Join(m.Err(), m.Decode(&ev)); err != nil || ev.Type != "started" {
		t.Errorf("%+v, %v", ev, err)
	}
	if node.started != 1 || !node.remembers {
		t.Errorf("%d shells were started; remembers: %v", node.started, node.remembers)
	}
}

// The memory is that of one life of the kernel, and each rank's own.
func TestMemory(t *testing.T) {
	n, dir := &system{}, t.TempDir()+"/jobs"
	if n.Remembers(dir, "-1") {
		t.Error("an empty directory remembers")
	}
	if err := n.Remember(dir, "-1"); err != nil {
		t.Fatal(err)
	}
	if !n.Remembers(dir, "-1") || n.Remembers(dir, "-2") {
		t.Error("what was noted is not remembered, or by others")
	}
	if found := n.Found(dir, "-1"); len(found) != 0 {
		t.Errorf("taken for a job: %+v", found)
	}
}
