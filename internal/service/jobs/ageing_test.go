// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"goflux/internal/store"
)

// A limit on the number of ended jobs is kept from the start on, also when it is
// exceeded by far; jobs' streams go with them.
func TestJobsAreAgedOut(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, store.FileName)
	st, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const jobs = 5000
	var b store.Batch
	for id := uint64(1); id <= jobs; id++ {
		b.PutJob(&store.Job{ID: id})
		if id%100 == 1 {
			b.AppendStream(id, "output", make([]byte, 5000))
		}
		b.FinishJob(&store.FinishedJob{ID: id, Result: 1, TInactive: float64(id), Records: map[string][]byte{
			"eventlog": fmt.Appendf(nil, "{}"), "jobspec": []byte("{}")}})
	}
	if err := st.CommitWait(&b); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	in := startWith(t, dir, map[string]any{"job-manager": map[string]any{"inactive-num-limit": int64(10)}})
	for n := jobs; n > 10; {
		var stats struct {
			Inactive int `json:"inactive_jobs"`
		}
		if err := in.rpc("job-manager.stats-get", nil, &stats); err != nil {
			t.Fatal(err)
		}
		if n = stats.Inactive; n < 10 {
			t.Fatalf("%d jobs are left", n)
		}
	}
	in.stop()
	if st, err = store.Open(path, store.Options{}); err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if n, err := st.CountFinished(store.JobQuery{}); err != nil || n != 10 {
		t.Errorf("%d rows are left, %v", n, err)
	}
	if _, err := st.FinishedJob(jobs); err != nil {
		t.Errorf("the last job: %v", err)
	}
}
