// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goflux/internal/rpc"
	"goflux/internal/store"
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
