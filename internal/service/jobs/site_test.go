// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/flux"
	"goflux/internal/core/job"
	"goflux/internal/rpc"
)

// refused checks that err has an errno and says something.
func refused(t *testing.T, what string, err error, errno syscall.Errno, text string) {
	t.Helper()
	if !errors.Is(err, errno) || !strings.Contains(err.Error(), text) {
		t.Errorf("%s: %v, want errno %d with %q", what, err, errno, text)
	}
}

func TestPlugins(t *testing.T) {
	in := start(t, t.TempDir())
	defer in.stop()
	jobtap := func(req rpc.Jobtap) error { return in.rpc("job-manager.jobtap", req, nil) }
	loaded := func() []string {
		var l rpc.JobtapList
		if err := in.rpc("job-manager.jobtap", rpc.Jobtap{QueryOnly: true}, &l); err != nil {
			t.Fatal(err)
		}
		return l.Plugins
	}
	if err := jobtap(rpc.Jobtap{Load: "submit-hold.so"}); err != nil {
		t.Fatal(err)
	}
	refused(t, "loading twice", jobtap(rpc.Jobtap{Load: "submit-hold.so"}), syscall.EEXIST, "already loaded")
	refused(t, "unknown", jobtap(rpc.Jobtap{Load: "nosuch.so"}), syscall.ENOENT, "No such plugin found")
	refused(t, "removing none", jobtap(rpc.Jobtap{Remove: "nosuch*"}), syscall.ENOENT, "Failed to find plugin")
	held := in.mustSubmit("held", "0.001s", 16, 0)
	if j := in.state(held); j["urgency"] != int64(0) {
		t.Errorf("under submit-hold: urgency %v", j["urgency"])
	}
	if err := jobtap(rpc.Jobtap{Remove: "all"}); err != nil {
		t.Fatal(err)
	}
	if l := loaded(); slices.Contains(l, "submit-hold.so") || !slices.Contains(l, ".limit-duration") {
		t.Errorf("after removing all: %v", l)
	}
	if err := jobtap(rpc.Jobtap{Remove: ".update-duration"}); err != nil {
		t.Fatal(err)
	}
	update := rpc.JobUpdate{ID: held, Updates: map[string]jsontext.Value{"attributes.system.duration": []byte("60.0")}}
	refused(t, "update without its plugin", in.rpc("job-manager.update", update, nil), syscall.EINVAL, "not supported")
}

func TestBypass(t *testing.T) {
	in := start(t, t.TempDir())
	defer in.stop()
	if err := in.rpc("job-manager.jobtap", rpc.Jobtap{Load: "alloc-bypass.so"}, nil); err != nil {
		t.Fatal(err)
	}
	spec := func(r string) string {
		return strings.Replace(request("huge", "0.001s"), `"system":{`, fmt.Sprintf(`"system":{"alloc-bypass":{"R":%s},`, r), 1)
	}
	_, err := in.submit(spec("1"), 16, 0)
	refused(t, "bad R", err, syscall.EINVAL, "invalid R")
	id, err := in.submit(spec(someR), 16, 0) // the scheduler denies what is huge
	if err != nil {
		t.Fatal(err)
	}
	in.follow(id, "eventlog")
	if j := in.state(id); j["result"] != int64(job.Completed) {
		t.Errorf("bypassing job: %v", j)
	}
}

func TestUpdate(t *testing.T) {
	in := start(t, t.TempDir())
	defer in.stop()
	id := in.mustSubmit("x", "1h", 0, 0)
	update := func(path, v string) error {
		return in.rpc("job-manager.update", rpc.JobUpdate{ID: id, Updates: map[string]jsontext.Value{path: []byte(v)}}, nil)
	}
	refused(t, "negative", update("attributes.system.duration", "-1.0"), syscall.EINVAL, "negative")
	refused(t, "no attribute", update("tasks", "[]"), syscall.EINVAL, "invalid")
	refused(t, "not supported", update("attributes.system.job.name", `"y"`), syscall.EINVAL, "not supported")
	refused(t, "no queue", update("attributes.system.queue", `"q"`), syscall.EINVAL, "'q' is not a valid queue")
	if err := update("attributes.system.duration", "60.0"); err != nil {
		t.Fatal(err)
	}
	if j := in.state(id); j["duration"] != 60.0 {
		t.Errorf("updated to %v", j["duration"])
	}
}

func TestMockJobs(t *testing.T) {
	in := start(t, t.TempDir())
	defer in.stop()
	mock := func(test string) string {
		return strings.Replace(request("x", "0.001s"), `"test":{`, `"test":{`+test+`,`, 1)
	}
	fails, err := in.submit(mock(`"mock_exception":"run"`), 16, 0)
	if err != nil {
		t.Fatal(err)
	}
	in.follow(fails, "eventlog")
	if j := in.state(fails); j["waitstatus"] != int64(syscall.SIGTERM) || j["exception_type"] != "exec" {
		t.Errorf("exception while running: %v", j)
	}
	waits, err := in.submit(mock(`"override":1`), 16, 0)
	if err != nil {
		t.Fatal(err)
	}
	// that the job has got to job-exec is not told otherwise
	for in.rpc("job-exec.override", rpc.ExecOverride{JobID: waits, Event: "start"}, nil) != nil && t.Context().Err() == nil {
	}
	in.follow(waits, "eventlog")
	if j := in.state(waits); j["result"] != int64(job.Completed) {
		t.Errorf("overridden job: %v", j)
	}
}

func TestWaitAndZombies(t *testing.T) {
	in := start(t, t.TempDir())
	defer in.stop()
	id := in.mustSubmit("x", "1h", 16, int(job.FlagWaitable))
	if err := in.rpc("job-manager.raise", rpc.JobRaise{ID: id, Type: "exec", Note: "why"}, nil); err != nil {
		t.Fatal(err)
	}
	in.follow(id, "eventlog")
	var l struct {
		Jobs []struct {
			ID    uint64 `json:"id"`
			State int    `json:"state"`
		} `json:"jobs"`
	}
	if err := in.rpc("job-manager.list", rpc.JobManagerList{}, &l); err != nil {
		t.Fatal(err)
	}
	if len(l.Jobs) != 1 || l.Jobs[0].ID != uint64(id) || l.Jobs[0].State != int(job.Inactive) {
		t.Errorf("zombies: %+v", l.Jobs)
	}
	var w rpc.JobWaited
	if err := in.rpc("job-manager.wait", rpc.JobWait{ID: id}, &w); err != nil || w.Success || w.Errstr != "Fatal exception type=exec why" {
		t.Errorf("waited: %+v, %v", w, err)
	}
}

// Purging one job needs force, and forgets that one alone.
func TestPurgeOne(t *testing.T) {
	in := start(t, t.TempDir())
	defer in.stop()
	id := in.mustSubmit("x", "0.001s", 16, 0)
	in.follow(id, "eventlog")
	var n rpc.Count
	for _, force := range []int{0, 1} {
		if err := in.rpc("job-manager.purge-id", rpc.JobPurgeID{ID: id, Force: force}, &n); err != nil || n.Count != 1 {
			t.Fatalf("force %d: %+v, %v", force, n, err)
		}
	}
	refused(t, "purged", in.rpc("job-manager.purge-id", rpc.JobPurgeID{ID: id}, nil), syscall.ENOENT, "id not found")
}

func TestJournalFilters(t *testing.T) {
	in := start(t, t.TempDir())
	defer in.stop()
	for key, req := range map[string]rpc.JobsJournal{"allow": {Allow: []byte("5")}, "deny": {Deny: []byte("5")}} {
		s, err := in.c.Stream("job-manager.events-journal", flux.NodeAny, req)
		if err != nil {
			t.Fatal(err)
		}
		refused(t, key, s.Get(t.Context(), nil), syscall.EPROTO, key+" should be an object")
	}
}

// When the execution service does not take a new time limit, the job is told.
func TestExpirationNotTaken(t *testing.T) {
	in := start(t, t.TempDir())
	defer in.stop()
	id := in.mustSubmit("x", "1h", 16, 0)
	if err := in.rpc("job-exec.debug", map[string]any{"op": "set", "flags": 1}, nil); err != nil {
		t.Fatal(err)
	}
	update := rpc.JobUpdate{ID: id, Updates: map[string]jsontext.Value{"attributes.system.duration": []byte("0.0")}}
	s, err := in.c.Stream("job-info.eventlog-watch", flux.NodeAny, rpc.JobInfoWatch{ID: id, Path: "eventlog"})
	if err != nil {
		t.Fatal(err)
	}
	seen := func(name string) string {
		t.Helper()
		for {
			var ev rpc.JobInfoEvent
			if err := s.Get(t.Context(), &ev); err != nil {
				t.Fatalf("waiting for %s: %v", name, err)
			}
			if strings.Contains(ev.Event, `"name":"`+name+`"`) {
				return ev.Event
			}
		}
	}
	seen("start")
	if err := in.rpc("job-manager.update", update, nil); err != nil {
		t.Fatal(err)
	}
	if e := seen("exception"); !strings.Contains(e, `"severity":1`) {
		t.Errorf("exception: %s", e)
	}
}
