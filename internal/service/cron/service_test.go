// SPDX-License-Identifier: LGPL-3.0-or-later

package cron_test

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/service/cron"
	"goflux/internal/testkit/host"
)

// fakeExec stands in for the subprocess server: it hands the requests on.
func fakeExec(calls chan *service.Call) *service.Registration {
	return &service.Registration{
		Name: "rexec",
		Methods: []service.Method{
			service.Raw("rexec.exec", service.Owner, func(_ any, c *service.Call) { calls <- c }),
		},
		New: func(service.Host, []string) (any, error) { return new(struct{}), nil },
	}
}

type bench struct {
	*host.Broker
	owner *host.Caller
	execs chan *service.Call
}

func newBench(t *testing.T, args ...string) *bench {
	b := &bench{Broker: host.Start(t, host.Options{}), execs: make(chan *service.Call, 9)}
	b.Load(fakeExec(b.execs))
	b.Load(cron.Service(), args...)
	b.owner = b.Owner()
	return b
}

// entry waits until the only entry is as ok says.
func (b *bench) entry(t *testing.T, ok func(rpc.CronEntry) bool) rpc.CronEntry {
	t.Helper()
	for range 10000 {
		var list rpc.CronList
		if err := b.owner.RPC("cron.list", rpc.Empty{}, &list); err != nil {
			t.Fatal(err)
		}
		if ok(list.Entries[0]) {
			return list.Entries[0]
		}
	}
	t.Fatal("the entry does not get there")
	return rpc.CronEntry{}
}

func create(kind, args string) map[string]any {
	return map[string]any{"type": kind, "name": "n", "command": "echo hi", "args": rawJSON(args)}
}

func TestEntryRuns(t *testing.T) {
	b := newBench(t)
	req := create("interval", `{"interval":0.001}`)
	req["repeat"], req["cwd"], req["environ"] = 1, "/tmp", map[string]string{"A": "b"}
	var e rpc.CronEntry
	if err := b.owner.RPC("cron.create", req, &e); err != nil {
		t.Fatal(err)
	}
	if e.ID != 1 || e.Type != "interval" || e.TypeData["interval"] != 0.001 || e.Stopped {
		t.Errorf("%+v", e)
	}
	c := <-b.execs
	var sent rpc.RexecExec
	if err := c.Msg.Decode(&sent); err != nil {
		t.Fatal(err)
	}
	if cmd := sent.Cmd; strings.Join(cmd.Cmdline, "|") != "sh|-c|echo hi" || cmd.Cwd != "/tmp" || cmd.Env["A"] != "b" {
		t.Errorf("%+v", cmd)
	}
	c.Respond(rpc.RexecEvent{Type: "started", Pid: 42})
	io := rpc.NewIO("stderr", "0", []byte("one\ntw"), false)
	c.Respond(rpc.RexecEvent{Type: "output", IO: &io})
	running := b.entry(t, func(e rpc.CronEntry) bool { return len(e.Tasks) > 0 && e.Tasks[0].Pid == 42 })
	if running.Tasks[0].State != "Running" || running.Tasks[0].Code != nil {
		t.Errorf("%+v", running.Tasks[0])
	}
	status := 3 << 8
	c.Respond(rpc.RexecEvent{Type: "finished", Status: &status})
	c.End()
	ended := b.entry(t, func(e rpc.CronEntry) bool { return e.Tasks[0].Ended != 0 })
	if task := ended.Tasks[0]; task.State != "Failed" || *task.Code != 3 || !ended.Stopped || ended.Stats.Failure != 1 {
		t.Errorf("%+v", ended)
	}
	for _, line := range []string{`cron-1[n]: rank=0: command="echo hi": "one"`, `"tw"`, "Failed: Exit 3"} {
		for !strings.Contains(b.Log(), line) { // the broker writes its log beside the services
			b.entry(t, func(rpc.CronEntry) bool { return true })
		}
	}
}

func TestSyncAndFailure(t *testing.T) {
	b := newBench(t, "sync=pulse", "sync_epsilon=0.025s")
	if err := b.owner.RPC("cron.create", create("event", `{"topic":"go"}`), nil); err != nil {
		t.Fatal(err)
	}
	publish := func(topic string) {
		if err := b.owner.RPC("event.publish", map[string]any{"topic": topic, "flags": 0}, nil); err != nil {
			t.Fatal(err)
		}
	}
	publish("go")
	b.entry(t, func(e rpc.CronEntry) bool { return len(e.Tasks) == 1 && e.Tasks[0].State == "Deferred" })
	publish("pulse")
	(<-b.execs).Fail(syscall.EHOSTUNREACH)
	e := b.entry(t, func(e rpc.CronEntry) bool { return e.Tasks[0].Errno != 0 })
	if e.Tasks[0].State != "Rexec Failure" || e.Tasks[0].Errno != 113 || fmt.Sprint(e.TypeData["counter"]) != "1" {
		t.Errorf("%+v", e)
	}
	var now rpc.CronSyncState
	if err := b.owner.RPC("cron.sync", rpc.Empty{}, &now); err != nil || now.Event != "pulse" || now.Epsilon != 0.025 {
		t.Errorf("%v %+v", err, now)
	}
	if err := b.owner.RPC("cron.sync", rpc.CronSync{Disable: true}, &now); err != nil || !now.Disabled {
		t.Errorf("%v %+v", err, now)
	}
}

func TestRequestErrors(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		topic string
		req   any
		want  syscall.Errno
	}{
		{"cron.create", nil, syscall.EPROTO},
		{"cron.create", rpc.Empty{}, syscall.EPROTO},
		{"cron.create", create("yearly", `{}`), syscall.ENOSYS},
		{"cron.create", create("interval", `{}`), syscall.EPROTO},
		{"cron.create", create("interval", `{"interval":1e300}`), syscall.EINVAL},
		{"cron.create", create("interval", `{"interval":-1}`), syscall.EINVAL},
		{"cron.create", create("event", `{"topic":""}`), syscall.EINVAL},
		{"cron.create", create("datetime", `{"minute":"99"}`), syscall.EINVAL},
		{"cron.create", create("datetime", `{"minute":[]}`), syscall.EINVAL},
		{"cron.stop", nil, syscall.EPROTO},
		{"cron.start", rpc.Empty{}, syscall.EPROTO},
		{"cron.delete", map[string]any{"id": 9}, syscall.ENOENT},
		{"cron.sync", nil, syscall.EPROTO},
	} {
		if err := b.owner.RPC(c.topic, c.req, nil); !errors.Is(err, c.want) {
			t.Errorf("%s %v: %v, want %v", c.topic, c.req, err, c.want)
		}
	}
	if err := b.Guest(1000).RPC("cron.list", rpc.Empty{}, nil); !errors.Is(err, syscall.EPERM) {
		t.Errorf("a guest lists entries: %v", err)
	}
	if err := host.Start(t, host.Options{}).TryLoad(cron.Service(), "badopt"); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("unknown option: %v", err)
	}
}

func rawJSON(s string) any {
	var v any
	if err := message.Unmarshal([]byte(s), &v); err != nil {
		panic(err)
	}
	return v
}
