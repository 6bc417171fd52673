// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goflux/internal/rpc"
	"goflux/internal/store"
	"goflux/jobid"
)

// moveJobs puts the jobs of one store into another, as flux dump and flux
// restore do.
func moveJobs(t *testing.T, from, to string) {
	t.Helper()
	src, err := store.Open(filepath.Join(from, store.FileName), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	dst, err := store.Open(filepath.Join(to, store.FileName), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer dst.Close()
	ended, err := src.KeptFinished(0, 100, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	active, err := src.KeptActive(0)
	if err != nil {
		t.Fatal(err)
	}
	var b store.Batch
	for _, j := range append(ended, active...) {
		for name, data := range j.Records {
			b.ImportJob(j.ID, name, data)
		}
		for name, data := range j.Streams {
			if name == "exec" {
				name = "exec.eventlog"
			}
			b.ImportJob(j.ID, "guest."+name, data)
		}
	}
	b.ImportJob(1, "jobspec", []byte("{}")) // no job
	if err := dst.CommitWait(&b); err != nil {
		t.Fatal(err)
	}
}

func TestTakeOver(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	in := start(t, from)
	done := in.mustSubmit("done", "0.001s", 16, 0)
	log := in.follow(done, "eventlog")
	execLog := in.follow(done, "guest.exec.eventlog")
	held := in.mustSubmit("held", "0.001s", 0, 0)
	in.stop()
	moveJobs(t, from, to)

	for range 2 { // taken over, and found again
		in = start(t, to)
		if d := cmp.Diff(log, in.follow(done, "eventlog")); d != "" {
			t.Errorf("log of the finished job changed:\n%s", d)
		}
		if d := cmp.Diff(execLog, in.follow(done, "guest.exec.eventlog")); d != "" {
			t.Errorf("execution log of the finished job changed:\n%s", d)
		}
		if j := in.state(done); j["result"] != int64(1) || j["name"] != "done" {
			t.Errorf("finished job: %v", j)
		}
		in.stop()
	}
	in = start(t, to)
	defer in.stop()
	if next := in.mustSubmit("next", "0.001s", 16, 0); next <= max(done, held) {
		t.Errorf("job id %s after %s", next, held)
	}
	if err := in.rpc("job-manager.urgency", rpc.JobUrgency{ID: held, Urgency: 16}, nil); err != nil {
		t.Fatal(err)
	}
	in.follow(held, "eventlog")
	if j := in.state(held); j["result"] != int64(1) {
		t.Errorf("held job: %v", j)
	}
}

// What another instance kept besides jobs comes along, in the words of older ones,
// too; and later starts have it.
func TestTakeOverCheckpoint(t *testing.T) {
	dir := t.TempDir()
	st, err := store.Open(filepath.Join(dir, store.FileName), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const before = 1 << 40
	var b store.Batch
	b.SetMeta(store.MetaCheckpoint, fmt.Appendf(nil, `{"max_jobid":%d,"queue":[{"enable":false,"reason":"night"},{"name":"gone","enable":true}]}`, before))
	b.ImportJob(3, "jobspec", []byte(request("x", "1s")))
	b.ImportJob(3, "eventlog", []byte(`{"timestamp":1,"name":"submit","context":{"userid":1,"urgency":16,"flags":0,"version":1}}`+"\n"))
	if err := st.CommitWait(&b); err != nil {
		t.Fatal(err)
	}
	st.Close()
	for range 2 {
		in := start(t, dir)
		var q rpc.QueueStatus
		if err := in.rpc("job-manager.queue-status", rpc.QueueName{}, &q); err != nil || q.Enable || q.DisableReason != "night" {
			t.Errorf("queue: %+v, %v", q, err)
		}
		var info struct {
			MaxJobID jobid.ID `json:"max_jobid"`
		}
		if err := in.rpc("job-manager.getinfo", nil, &info); err != nil || info.MaxJobID != before {
			t.Errorf("largest job id: %+v, %v", info, err)
		}
		// Its event log ends before the job was accepted.
		if err := in.rpc("job-info.lookup", rpc.JobInfoLookup{ID: 3, Keys: []string{"jobspec"}}, nil); !errors.Is(err, syscall.ENOENT) {
			t.Errorf("a job that never was one: %v", err)
		}
		in.stop()
	}
	in := start(t, dir)
	if err := in.rpc("job-manager.queue-enable", rpc.QueueEnable{Enable: true}, nil); err != nil {
		t.Fatal(err)
	}
	in.stop()
	config := map[string]any{"job-manager": map[string]any{"stop-queues-on-restart": true}}
	for _, fresh := range []bool{false, true} {
		if fresh {
			dir = t.TempDir()
		}
		in = startWith(t, dir, config)
		var q rpc.QueueStatus
		if err := in.rpc("job-manager.queue-status", rpc.QueueName{}, &q); err != nil || !q.Enable || q.Start != fresh {
			t.Errorf("first start %v: queue %+v, %v", fresh, q, err)
		}
		if id := in.mustSubmit("a", "0.001s", 0, 0); !fresh && id <= before {
			t.Errorf("job id %s was given out before", id)
		}
		in.stop()
	}
}
