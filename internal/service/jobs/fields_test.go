// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs_test

import (
	"strings"
	"testing"

	"goflux/flux"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// executor is an execution service that does nothing with its jobs.
type executor struct {
	h       service.Host
	started chan rpc.ExecStart
}

func (x *executor) registration() *service.Registration {
	return &service.Registration{
		Name: "executor",
		New:  func(h service.Host, _ []string) (any, error) { x.h = h; return x, nil },
		Methods: []service.Method{
			service.Deferred("executor.start", service.Owner, func(x *executor, _ *service.Call, r *rpc.ExecStart) { x.started <- *r }),
		},
	}
}

func (x *executor) Start() {
	hello := service.Request{Topic: "job-manager.exec-hello", NodeID: flux.NodeAny, Payload: rpc.ExecHello{Service: "executor"}}
	x.h.Request(hello, func(*flux.Message) { x.h.SetRunning() })
}

// What the execution service had noted about a job is there after a restart: for
// the next one, and for who asks for the job when it is over.
func TestNotesOutliveRestart(t *testing.T) {
	dir := t.TempDir()
	in := start(t, dir)
	id := in.mustSubmit("noted", "100s", 16, 0)
	in.waitEvent(id, "start")
	root := "sha1-" + strings.Repeat("ab", 20)
	for topic, req := range map[string]any{
		"job-info.guest":          rpc.JobGuest{ID: id, Rootref: root},
		"job-info.critical-ranks": rpc.CriticalRanks{ID: id, Ranks: "0,2"},
	} {
		if err := in.rpc(topic, req, nil); err != nil {
			t.Fatalf("%s: %v", topic, err)
		}
	}
	in.stop()

	in = start(t, dir)
	defer in.stop()
	status := 9
	if err := in.rpc("module.remove", map[string]string{"name": "job-exec"}, nil); err != nil {
		t.Fatal(err)
	}
	if err := in.rpc("job-manager.raise", rpc.JobRaise{ID: id, Type: "test", WaitStatus: &status}, nil); err != nil {
		t.Fatal(err)
	}
	x := &executor{started: make(chan rpc.ExecStart, 1)}
	in.load(x.registration())
	r := <-x.started
	if r.ID != id || !r.Reattach || r.Critical != "0,2" {
		t.Errorf("started anew: %+v", r)
	}
	if r.Ending == nil || r.Ending.Type != "test" || r.Ending.WaitStatus == nil || *r.Ending.WaitStatus != status {
		t.Errorf("for the exception %+v", r.Ending)
	}
	var v rpc.KVSViewed
	key := append(strings.Split(strings.TrimPrefix(id.KVS(), "job."), "."), "guest", "x")
	if err := in.rpc("job-info.kvs-view", rpc.KVSView{Key: key}, &v); err != nil || v.Root != root {
		t.Errorf("its guest namespace: %+v, %v", v, err)
	}
}
