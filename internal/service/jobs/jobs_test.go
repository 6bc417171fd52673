// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"goflux/eventlog"
	"goflux/flux"
	"goflux/internal/broker"
	"goflux/internal/core/job"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/service/jobexec"
	"goflux/internal/service/jobs"
	"goflux/internal/service/rexec"
	"goflux/internal/sign"
	"goflux/internal/store"
	"goflux/jobid"
)

// scheduler gives everybody the same core, as often as asked.
type scheduler struct{ h service.Host }

const someR = `{"version":1,"execution":{"R_lite":[{"rank":"0","children":{"core":"0"}}],"starttime":0.0,"expiration":0.0,"nodelist":["h"]}}`

var schedService = &service.Registration{
	Name: "sched",
	Methods: []service.Method{
		service.Deferred("sched.alloc", service.Owner, func(s *scheduler, c *service.Call, r *rpc.SchedAlloc) {
			if r.Jobspec.JobName() == "huge" {
				c.Respond(&rpc.SchedAllocResponse{ID: r.ID, Type: rpc.AllocDeny, Note: "too big"})
				return
			}
			c.Respond(&rpc.SchedAllocResponse{ID: r.ID, R: []byte(someR)})
		}),
		service.Deferred("sched.free", service.Owner, func(*scheduler, *service.Call, *rpc.SchedFree) {}),
	},
	New: func(h service.Host, _ []string) (any, error) { return &scheduler{h}, nil },
}

func (s *scheduler) Start() {
	s.h.Request(service.Request{Topic: "job-manager.sched-ready", NodeID: flux.NodeAny, Payload: rpc.SchedReady{Mode: "unlimited"}},
		func(m *flux.Message) { s.h.SetRunning() })
}

// instance is a broker of size one with the job services.
type instance struct {
	t testing.TB
	b *broker.Broker
	c *flux.Client
}

func start(t testing.TB, dir string) *instance { t.Helper(); return startWith(t, dir, nil) }

// startWith is start with a configuration.
func startWith(t testing.TB, dir string, config map[string]any) *instance {
	t.Helper()
	return startFaces(t, dir, config, jobs.Leader())
}

// startFaces is startWith with the job services in an order.
func startFaces(t testing.TB, dir string, config map[string]any, faces []*service.Registration) *instance {
	t.Helper()
	return startOn(t, dir, store.Options{}, config, faces)
}

// startOn is startFaces with options of the store.
func startOn(t testing.TB, dir string, opt store.Options, config map[string]any, faces []*service.Registration) *instance {
	t.Helper()
	attrs := broker.NewAttrs()
	uri := "local://" + filepath.Join(t.TempDir(), "local")
	attrs.Put("local-uri", uri)
	st, err := store.Open(filepath.Join(dir, store.FileName), opt)
	if err != nil {
		t.Fatal(err)
	}
	b := broker.New(broker.Options{Size: 1, Attrs: attrs, Stderr: os.Stderr, Config: config})
	b.Provide("store", func() (any, error) { return st, nil })
	in := &instance{t: t, b: b}
	b.Online()
	in.load(broker.ConnectorLocal(b))
	in.load(rexec.Registration())
	for _, r := range faces {
		in.load(r)
	}
	in.load(schedService)
	in.load(jobexec.Registration())
	if in.c, err = flux.Open(t.Context(), uri); err != nil {
		t.Fatal(err)
	}
	return in
}

func (in *instance) stop() {
	in.c.Close()
	in.b.Close()
}

func (in *instance) load(r *service.Registration) {
	in.t.Helper()
	ready := make(chan error, 1)
	in.b.Modules().Load(r, r.Name, "builtin", nil, func(err error) { ready <- err })
	if err := <-ready; err != nil {
		in.t.Fatalf("loading %s: %v", r.Name, err)
	}
}

func (in *instance) rpc(topic string, req, resp any) error {
	return in.c.RPC(context.Background(), topic, flux.NodeAny, req, resp)
}

func request(name, duration string) string {
	return fmt.Sprintf(`{"version":1,"resources":[{"type":"slot","count":1,"with":[{"type":"core","count":1}],"label":"task"}],`+
		`"tasks":[{"command":["true"],"slot":"task","count":{"per_slot":1}}],"attributes":{"system":{"duration":0,`+
		`"job":{"name":%q},"exec":{"test":{"run_duration":%q}}}}}`, name, duration)
}

func (in *instance) submit(spec string, urgency, flags int) (jobid.ID, error) {
	var r rpc.JobID
	err := in.rpc("job-ingest.submit", rpc.JobSubmit{
		J: sign.None(uint32(syscall.Getuid()), []byte(spec)), Urgency: urgency, Flags: flags,
	}, &r)
	return r.ID, err
}

func (in *instance) mustSubmit(name, duration string, urgency, flags int) jobid.ID {
	in.t.Helper()
	id, err := in.submit(request(name, duration), urgency, flags)
	if err != nil {
		in.t.Fatal(err)
	}
	return id
}

// waitEvent waits for an event of a job.
func (in *instance) waitEvent(id jobid.ID, name string) {
	in.t.Helper()
	s, err := in.c.Stream("job-info.eventlog-watch", flux.NodeAny, rpc.JobInfoWatch{ID: id, Path: "eventlog"})
	if err != nil {
		in.t.Fatal(err)
	}
	for {
		var ev rpc.JobInfoEvent
		if err := s.Get(in.t.Context(), &ev); err != nil {
			in.t.Fatalf("waiting for %s: %v", name, err)
		}
		if e, err := eventlog.ParseEntry([]byte(ev.Event)); err == nil && e.Name == name {
			if err := s.Cancel("job-info.eventlog-watch-cancel", flux.NodeAny); err != nil {
				in.t.Error(err)
			}
			return
		}
	}
}

// follow reads a log of a job to its end and returns the events' names.
func (in *instance) follow(id jobid.ID, path string) []string {
	in.t.Helper()
	s, err := in.c.Stream("job-info.eventlog-watch", flux.NodeAny, rpc.JobInfoWatch{ID: id, Path: path})
	if err != nil {
		in.t.Fatal(err)
	}
	var names []string
	for {
		var ev rpc.JobInfoEvent
		err := s.Get(in.t.Context(), &ev)
		if err == io.EOF {
			return names
		}
		if err != nil {
			in.t.Fatalf("watching %s: %v", path, err)
		}
		e, err := eventlog.ParseEntry([]byte(ev.Event))
		if err != nil {
			in.t.Fatal(err)
		}
		names = append(names, e.Name)
	}
}

func (in *instance) state(id jobid.ID) map[string]any {
	in.t.Helper()
	var r rpc.JobListed
	if err := in.rpc("job-list.list-id", rpc.JobListID{ID: id, Attrs: []string{"all"}}, &r); err != nil {
		in.t.Fatal(err)
	}
	return r.Job
}

func TestMockJob(t *testing.T) {
	in := start(t, t.TempDir())
	defer in.stop()
	id := in.mustSubmit("a", "0.001s", 16, 0)
	want := []string{"submit", "validate", "depend", "priority", "alloc", "start", "finish", "release", "free", "clean"}
	if d := cmp.Diff(want, in.follow(id, "eventlog")); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"init", "starting", "recoverable", "complete", "done"}, in.follow(id, "guest.exec.eventlog")); d != "" {
		t.Errorf("exec events (-want +got):\n%s", d)
	}
	job := in.state(id)
	if job["result"] != int64(1) || job["state"] != int64(64) || job["name"] != "a" || job["nodelist"] != "h" || job["success"] != true {
		t.Errorf("listed as %v", job)
	}
}

func TestDeniedAndCanceled(t *testing.T) {
	in := start(t, t.TempDir())
	defer in.stop()
	denied := in.mustSubmit("huge", "0.001s", 16, 0)
	in.follow(denied, "eventlog")
	if job := in.state(denied); job["result"] != int64(2) || job["exception_type"] != "alloc" || job["exception_note"] != "too big" {
		t.Errorf("denied job: %v", job)
	}
	run := in.mustSubmit("long", "1h", 16, 0)
	if err := in.rpc("job-manager.raise", rpc.JobRaise{ID: run, Type: "cancel"}, nil); err != nil {
		t.Fatal(err)
	}
	in.follow(run, "eventlog")
	if job := in.state(run); job["result"] != int64(4) {
		t.Errorf("canceled job: %v", job)
	}
	if err := in.rpc("job-manager.raise", rpc.JobRaise{ID: run, Type: "cancel"}, nil); !errors.Is(err, syscall.ENOENT) || err.Error() != "job is inactive" {
		t.Errorf("second cancel: %v", err)
	}
}

func TestWait(t *testing.T) {
	in := start(t, t.TempDir())
	defer in.stop()
	a := in.mustSubmit("a", "0.001s", 16, int(job.FlagWaitable))
	var w rpc.JobWaited
	if err := in.rpc("job-manager.wait", rpc.JobWait{ID: a}, &w); err != nil || w.ID != a || !w.Success {
		t.Errorf("wait: %+v, %v", w, err)
	}
	if err := in.rpc("job-manager.wait", rpc.JobWait{ID: a}, nil); !errors.Is(err, syscall.ECHILD) {
		t.Errorf("second wait: %v", err)
	}
	b := in.mustSubmit("b", "0.001s", 16, int(job.FlagWaitable))
	if err := in.rpc("job-manager.wait", rpc.JobWait{ID: rpc.JobIDAny}, &w); err != nil || w.ID != b {
		t.Errorf("wait for any: %+v, %v", w, err)
	}
	if err := in.rpc("job-manager.wait", rpc.JobWait{ID: rpc.JobIDAny}, nil); !errors.Is(err, syscall.ECHILD) {
		t.Errorf("nothing to wait for: %v", err)
	}
}

// What nobody waits for becomes durable with what somebody does: a job's end with
// the answer to whoever asks for it then.
func TestEndIsNotHurried(t *testing.T) {
	in := startOn(t, t.TempDir(), store.Options{Patience: time.Hour}, nil, jobs.Leader())
	defer in.stop()
	for range 2 {
		a := in.mustSubmit("a", "0.001s", 16, int(job.FlagWaitable))
		b := in.mustSubmit("b", "0.001s", 16, int(job.FlagWaitable))
		for busy := 1; busy > 0; {
			var q rpc.AllocQuery
			if err := in.rpc("job-manager.alloc-query", nil, &q); err != nil {
				t.Fatal(err)
			}
			busy = q.QueueLength + q.AllocPending + q.Running
		}
		var w rpc.JobWaited
		if err := in.rpc("job-manager.wait", rpc.JobWait{ID: a}, &w); err != nil || w.ID != a || !w.Success {
			t.Errorf("wait: %+v, %v", w, err)
		}
		if err := in.rpc("job-manager.wait", rpc.JobWait{ID: rpc.JobIDAny}, &w); err != nil || w.ID != b {
			t.Errorf("wait for any: %+v, %v", w, err)
		}
	}
}

// A waitable job is listed until it has been waited for, whatever stage its end
// is at.
func TestWaitableListed(t *testing.T) {
	in := start(t, t.TempDir())
	defer in.stop()
	for range 10 {
		id := in.mustSubmit("a", "0.001s", 16, int(job.FlagWaitable))
		for inactive := 0; inactive < 3; {
			var l struct {
				Jobs []map[string]any `json:"jobs"`
			}
			if err := in.rpc("job-manager.list", rpc.JobManagerList{}, &l); err != nil || len(l.Jobs) != 1 {
				t.Fatalf("listed: %v, %v", l.Jobs, err)
			}
			if l.Jobs[0]["state"] == int64(job.Inactive) {
				inactive++
			}
		}
		if err := in.rpc("job-manager.wait", rpc.JobWait{ID: id}, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// What was acknowledged is there after a restart, and ids do not repeat.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	in := start(t, dir)
	done := in.mustSubmit("done", "0.001s", 16, 0)
	log := in.follow(done, "eventlog")
	held := in.mustSubmit("held", "0.001s", 0, 0)
	if err := in.rpc("job-manager.queue-start", rpc.QueueStart{Start: false, Reason: "night"}, nil); err != nil {
		t.Fatal(err)
	}
	in.stop()

	in = start(t, dir)
	defer in.stop()
	if d := cmp.Diff(log, in.follow(done, "eventlog")); d != "" {
		t.Errorf("log of the finished job changed:\n%s", d)
	}
	var q rpc.QueueStatus
	if err := in.rpc("job-manager.queue-status", rpc.QueueName{}, &q); err != nil || q.Start || q.StopReason != "night" {
		t.Errorf("queue after restart: %+v, %v", q, err)
	}
	if err := in.rpc("job-manager.queue-start", rpc.QueueStart{Start: true}, nil); err != nil {
		t.Fatal(err)
	}
	next := in.mustSubmit("next", "0.001s", 16, 0)
	if next <= held {
		t.Errorf("job id %s after %s", next, held)
	}
	if err := in.rpc("job-manager.urgency", rpc.JobUrgency{ID: held, Urgency: 16}, nil); err != nil {
		t.Fatal(err)
	}
	in.follow(held, "eventlog")
	if job := in.state(held); job["result"] != int64(1) {
		t.Errorf("held job: %v", job)
	}
}

func TestListing(t *testing.T) {
	in := start(t, t.TempDir())
	defer in.stop()
	var ids []jobid.ID
	for i := range 5 {
		id := in.mustSubmit(fmt.Sprintf("job%d", i), "0.001s", 16, 0)
		in.follow(id, "eventlog")
		ids = append(ids, id)
	}
	held := in.mustSubmit("held", "0.001s", 0, 0)
	list := func(req rpc.JobList) []jobid.ID {
		t.Helper()
		req.Attrs = []string{"name", "state"}
		var r struct {
			Jobs []struct {
				ID jobid.ID `json:"id"`
			} `json:"jobs"`
		}
		if err := in.rpc("job-list.list", req, &r); err != nil {
			t.Fatal(err)
		}
		var out []jobid.ID
		for _, j := range r.Jobs {
			out = append(out, j.ID)
		}
		return out
	}
	newest := []jobid.ID{held, ids[4], ids[3], ids[2], ids[1], ids[0]}
	for name, tc := range map[string]struct {
		req  rpc.JobList
		want []jobid.ID
	}{
		"all":        {rpc.JobList{}, newest},
		"first two":  {rpc.JobList{MaxEntries: 2}, newest[:2]},
		"pending":    {rpc.JobList{Constraint: []byte(`{"states":["pending"]}`)}, newest[:1]},
		"completed":  {rpc.JobList{Constraint: []byte(`{"results":["completed"]}`)}, newest[1:]},
		"by name":    {rpc.JobList{Constraint: []byte(`{"and":[{"name":["job1","held"]},{"not":[{"states":[64]}]}]}`)}, newest[:1]},
		"by host":    {rpc.JobList{Constraint: []byte(`{"hostlist":["h"]}`), MaxEntries: 1}, newest[1:2]},
		"legacy":     {rpc.JobList{Results: 1, Name: "job3"}, ids[3:4]},
		"priority":   {rpc.JobList{Constraint: []byte(`{"t_priority":[">0"]}`)}, newest},
		"other user": {rpc.JobList{Constraint: []byte(`{"userid":[424242]}`)}, nil},
	} {
		if d := cmp.Diff(tc.want, list(tc.req)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestBadRequests(t *testing.T) {
	in := start(t, t.TempDir())
	defer in.stop()
	good := in.mustSubmit("x", "0.001s", 0, 0)
	for _, tc := range []struct {
		topic string
		req   any
		errno syscall.Errno
		text  string
	}{
		{"job-ingest.submit", rpc.JobSubmit{J: "x"}, syscall.EINVAL, "three parts"},
		{"job-ingest.submit", rpc.JobSubmit{J: sign.None(4242, []byte("{}"))}, syscall.EPERM, "signer"},
		{"job-ingest.submit", rpc.JobSubmit{J: sign.None(uint32(syscall.Getuid()), []byte("{}")), Urgency: 16}, syscall.EINVAL, ""},
		{"job-ingest.submit", rpc.JobSubmit{Urgency: 99}, syscall.EINVAL, "urgency"},
		{"job-ingest.submit", []int{1}, syscall.EPROTO, "malformed"},
		{"job-manager.raise", rpc.JobRaise{ID: 42, Type: "cancel"}, syscall.ENOENT, "unknown job"},
		{"job-manager.raise", rpc.JobRaise{ID: good, Type: "cancel", Severity: 9}, syscall.EPROTO, "severity"},
		{"job-manager.raise", rpc.JobRaise{ID: good, Type: "a b"}, syscall.EPROTO, "type"},
		{"job-manager.urgency", rpc.JobUrgency{ID: good, Urgency: 32}, syscall.EINVAL, "range"},
		{"job-manager.kill", rpc.JobKill{ID: good, Signum: 15}, syscall.EINVAL, "not running"},
		{"job-manager.kill", rpc.JobKill{ID: good, Signum: 99}, syscall.EINVAL, "signal"},
		{"job-manager.queue-enable", rpc.QueueEnable{Name: "no"}, syscall.EINVAL, "'no' is not a valid queue"},
		{"job-info.lookup", rpc.JobInfoLookup{ID: 42, Keys: []string{"J"}}, syscall.ENOENT, ""},
		{"job-info.lookup", rpc.JobInfoLookup{ID: good, Keys: []string{"R"}}, syscall.ENOENT, ""},
		{"job-info.lookup", rpc.JobInfoLookup{ID: good, Flags: 8}, syscall.EPROTO, "flag"},
		{"job-info.stream-append", rpc.JobStreamAppend{ID: good, Stream: "output", Data: "x"}, syscall.EINVAL, "newline"},
		{"job-list.list", rpc.JobList{MaxEntries: -1}, syscall.EPROTO, "max_entries"},
		{"job-list.list", rpc.JobList{Constraint: []byte(`{"foo":[1]}`)}, syscall.EPROTO, "constraint"},
		{"job-list.list", rpc.JobList{Attrs: []string{"foo"}}, syscall.EINVAL, "foo"},
		{"job-list.list", rpc.JobList{Attrs: 5}, syscall.EPROTO, "attrs must be an array"},
		{"job-list.list", rpc.JobList{Attrs: []int{5}}, syscall.EINVAL, "attr has no string value"},
		{"job-list.list-id", rpc.JobListID{ID: 42}, syscall.ENOENT, ""},
		{"job-list.list-id", rpc.JobListID{ID: good, Attrs: "id"}, syscall.EPROTO, "attrs must be an array"},
		{"job-manager.purge-id", rpc.JobPurgeID{ID: good}, syscall.EINVAL, "active"},
	} {
		err := in.rpc(tc.topic, tc.req, nil)
		if !errors.Is(err, tc.errno) || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s %+v: %v, want errno %d with %q", tc.topic, tc.req, err, tc.errno, tc.text)
		}
	}
}

func TestPurge(t *testing.T) {
	in := start(t, t.TempDir())
	defer in.stop()
	for range 4 {
		in.follow(in.mustSubmit("x", "0.001s", 16, 0), "eventlog")
	}
	var n rpc.Count
	req := rpc.JobPurge{AgeLimit: -1, NumLimit: 1, Batch: 10}
	if err := in.rpc("job-manager.purge", req, &n); err != nil || n.Count != 3 {
		t.Errorf("dry run: %+v, %v", n, err)
	}
	req.Force = true
	if err := in.rpc("job-manager.purge", req, &n); err != nil || n.Count != 3 {
		t.Errorf("purge: %+v, %v", n, err)
	}
	if err := in.rpc("job-manager.purge", req, &n); err != nil || n.Count != 0 {
		t.Errorf("again: %+v, %v", n, err)
	}
}
