// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs_test

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goflux/flux"
	"goflux/internal/core/job"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service/jobs"
	"goflux/jobid"
)

// stats is what is read of job-list.job-stats.
type stats struct {
	Name   string `json:"name"`
	Purged int    `json:"inactive_purged"`
	Failed int    `json:"failed"`
	OK     int    `json:"successful"`
	States struct {
		Inactive int `json:"inactive"`
		Total    int `json:"total"`
	} `json:"job_states"`
	Queues []stats `json:"queues"`
}

func (in *instance) stats() (s stats) {
	in.t.Helper()
	if err := in.rpc("job-list.job-stats", nil, &s); err != nil {
		in.t.Fatal(err)
	}
	return s
}

// Statistics tell of queues that no job has been in, and count what was purged
// queue by queue.
func TestStatsOfQueues(t *testing.T) {
	in := startWith(t, t.TempDir(), table{"queues": table{"batch": table{}, "debug": table{}}})
	defer in.stop()
	if err := in.rpc("job-manager.queue-start", rpc.QueueStart{All: true, Start: true}, nil); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		id, err := in.submit(strings.Replace(request("x", "0.001s"), `"system":{`, `"system":{"queue":"batch",`, 1), 16, 0)
		if err != nil {
			t.Fatal(err)
		}
		in.follow(id, "eventlog")
	}
	check := func(when string, purged, left int) {
		t.Helper()
		s := in.stats()
		if s.Purged != purged || s.States.Inactive != left {
			t.Errorf("%s: %+v, want %d purged and %d left", when, s, purged, left)
		}
		batch := stats{Name: "batch", Purged: purged, OK: left}
		batch.States.Inactive, batch.States.Total = left, left
		if d := cmp.Diff([]stats{batch, {Name: "debug"}}, s.Queues); d != "" {
			t.Errorf("%s (-want +got):\n%s", when, d)
		}
	}
	check("at first", 0, 3)
	if err := in.rpc("job-manager.purge", rpc.JobPurge{AgeLimit: -1, NumLimit: 1, Batch: 10, Force: true}, nil); err != nil {
		t.Fatal(err)
	}
	check("after the purge", 2, 1)
}

// Two purges under way at a time count a job once.
func TestPurgesTogether(t *testing.T) {
	in := start(t, t.TempDir())
	defer in.stop()
	for range 3 {
		in.follow(in.mustSubmit("x", "0.001s", 16, 0), "eventlog")
	}
	var calls []*flux.Call
	for range 4 {
		c, err := in.c.Go("job-manager.purge", flux.NodeAny, rpc.JobPurge{AgeLimit: -1, NumLimit: 1, Batch: 10, Force: true})
		if err != nil {
			t.Fatal(err)
		}
		calls = append(calls, c)
	}
	purged := 0
	for _, c := range calls {
		var n rpc.Count
		if err := c.Get(t.Context(), &n); err != nil {
			t.Fatal(err)
		}
		purged += n.Count
	}
	if s := in.stats(); purged != 2 || s.Purged != 2 || s.States.Inactive != 1 || s.OK != 1 {
		t.Errorf("%d said to be purged: %+v", purged, s)
	}
}

// What asks for a job waits while the listing is paused.
func TestListPause(t *testing.T) {
	in := start(t, t.TempDir())
	defer in.stop()
	if err := in.rpc("job-list.job-state-pause", nil, nil); err != nil {
		t.Fatal(err)
	}
	id := in.mustSubmit("x", "0.001s", 16, 0)
	in.follow(id, "eventlog")
	held, err := in.c.Go("job-list.list-id", flux.NodeAny, rpc.JobListID{ID: id, Attrs: []string{"name"}})
	if err != nil {
		t.Fatal(err)
	}
	unknown, err := in.c.Go("job-list.list-id", flux.NodeAny, rpc.JobListID{ID: 42})
	if err != nil {
		t.Fatal(err)
	}
	var waits struct {
		Idsync struct {
			Waits int `json:"waits"`
		} `json:"idsync"`
	}
	if err := in.rpc("job-list.stats-get", nil, &waits); err != nil || waits.Idsync.Waits != 2 {
		t.Errorf("%+v, %v, want 2 waiting", waits, err)
	}
	if err := in.rpc("job-list.job-state-unpause", nil, nil); err != nil {
		t.Fatal(err)
	}
	var l rpc.JobListed
	if err := held.Get(t.Context(), &l); err != nil || l.Job["name"] != "x" {
		t.Errorf("held: %v, %v", l.Job, err)
	}
	if err := unknown.Get(t.Context(), nil); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("unknown: %v", err)
	}
}

// A listing that would cost too much is refused, not cut short.
func TestMaxComparisons(t *testing.T) {
	in := start(t, t.TempDir())
	defer in.stop()
	for range 3 {
		in.follow(in.mustSubmit("x", "0.001s", 16, 0), "eventlog")
	}
	limit := func(n int64) error {
		in.b.SetConfig(table{"job-list": table{"max_comparisons": n}})
		return in.rpc("job-list.config-reload", nil, nil)
	}
	list := rpc.JobList{Constraint: []byte(`{"and":[{"states":["inactive"]},{"name":["y"]}]}`)}
	refused(t, "negative", limit(-1), syscall.EINVAL, "must be >= 0")
	for n, want := range map[int64]error{5: syscall.EINVAL, 0: nil, 100: nil} {
		if err := limit(n); err != nil {
			t.Fatal(err)
		}
		if err := in.rpc("job-list.list", list, nil); !errors.Is(err, want) {
			t.Errorf("with a limit of %d: %v, want %v", n, err, want)
		}
	}
}

// A face of the service that cannot be loaded leaves no trace.
func TestFaceRefused(t *testing.T) {
	in := start(t, t.TempDir())
	defer in.stop()
	if err := in.rpc("module.remove", map[string]any{"name": "job-list"}, nil); err != nil {
		t.Fatal(err)
	}
	load := func() error {
		for _, r := range jobs.Leader() {
			if r.Name == "job-list" {
				ready := make(chan error, 1)
				in.b.Modules().Load(r, r.Name, "builtin", nil, func(err error) { ready <- err })
				return <-ready
			}
		}
		return syscall.ENOENT
	}
	in.b.SetConfig(table{"job-list": table{"max_comparisons": int64(-1)}})
	refused(t, "bad configuration", load(), syscall.EINVAL, "must be >= 0")
	in.b.SetConfig(table{})
	if err := load(); err != nil {
		t.Errorf("loading it again: %v", err)
	}
}

// Raising an exception on all jobs meets jobs that it has ended just before.
func TestRaiseAllOnce(t *testing.T) {
	in := start(t, t.TempDir())
	defer in.stop()
	first := in.mustSubmit("a", "1h", 0, 0)
	spec := fmt.Sprintf(`"system":{"dependencies":[{"scheme":"afterok","value":%q}],`, first)
	second, err := in.submit(strings.Replace(request("b", "1h"), `"system":{`, spec, 1), 16, 0)
	if err != nil {
		t.Fatal(err)
	}
	all := rpc.JobRaiseAll{UserID: message.UserUnknown, States: int(job.Active), Type: "cancel"}
	var n rpc.JobsAffected
	if err := in.rpc("job-manager.raiseall", all, &n); err != nil || n.Count != 2 {
		t.Errorf("%+v, %v, want 2 jobs", n, err)
	}
	for _, id := range []jobid.ID{first, second} {
		events := in.follow(id, "eventlog")
		if c := strings.Count(strings.Join(events, " "), "exception"); c != 1 || events[len(events)-1] != "clean" {
			t.Errorf("job %s: %v", id, events)
		}
	}
}

// An execution service keeps its jobs as long as it is there.
func TestExecKeepsItsJobs(t *testing.T) {
	in := start(t, t.TempDir())
	defer in.stop()
	id := in.mustSubmit("x", "1h", 16, int(job.FlagDebug))
	hello := func() error { return in.rpc("job-manager.exec-hello", rpc.ExecHello{Service: "other"}, nil) }
	if err := in.rpc("job-list.list-id", rpc.JobListID{ID: id, State: int(job.Run)}, nil); err != nil {
		t.Fatal(err)
	}
	refused(t, "with a job", hello(), syscall.EINVAL, "execution service job-exec")
	if err := in.rpc("job-manager.raise", rpc.JobRaise{ID: id, Type: "cancel"}, nil); err != nil {
		t.Fatal(err)
	}
	in.follow(id, "eventlog")
	if err := hello(); err != nil {
		t.Errorf("without a job: %v", err)
	}
}
