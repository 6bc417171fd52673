// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"
)

func TestKeptJobs(t *testing.T) {
	s := open(t, tempPath(t), Options{})
	long := bytes.Repeat([]byte("0123456789abcdef"), 1000)
	for id := uint64(1); id <= 5; id++ {
		must(t, s, func(b *Batch) {
			b.PutJob(&Job{ID: id, UserID: 100, Fields: map[string][]byte{"jobspec": []byte("{}")}})
			b.AppendEvents(id, fmt.Appendf(nil, "submit %d\n", id))
			for range 3 { // chunks and a tail
				b.AppendStream(id, "output", long[:5000])
			}
			b.AppendStream(id, "input", []byte("x"))
		})
		if id <= 3 {
			must(t, s, func(b *Batch) {
				b.FinishJob(&FinishedJob{ID: id, UserID: 100, Records: map[string][]byte{
					"jobspec": []byte("{}"), "eventlog": fmt.Appendf(nil, "submit %d\n", id)}})
			})
		}
	}
	check := func(jobs []*KeptJob, err error, want ...uint64) {
		t.Helper()
		var got []uint64
		for _, j := range jobs {
			got = append(got, j.ID)
			if j.Err != nil || j.UserID != 100 || string(j.Records["eventlog"]) != fmt.Sprintf("submit %d\n", j.ID) ||
				string(j.Records["jobspec"]) != "{}" || string(j.Streams["input"]) != "x" ||
				!bytes.Equal(j.Streams["output"], slices.Concat(long[:5000], long[:5000], long[:5000])) {
				t.Errorf("job %d: %v %q, streams of %d and %d bytes", j.ID, j.Err, j.Records, len(j.Streams["input"]), len(j.Streams["output"]))
			}
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("got jobs %d %v, want %d", got, err, want)
		}
	}
	jobs, err := s.KeptFinished(0, 10, 1<<20)
	check(jobs, err, 1, 2, 3)
	jobs, err = s.KeptFinished(1, 1, 1<<20)
	check(jobs, err, 2)
	jobs, err = s.KeptFinished(0, 10, 1) // one is always there
	check(jobs, err, 1)
	jobs, err = s.KeptFinished(3, 10, 1<<20)
	check(jobs, err)
	jobs, err = s.KeptActive(4)
	check(jobs, err, 5)
	jobs, err = s.KeptActive(0)
	check(jobs, err, 4, 5)
}

func TestImports(t *testing.T) {
	path := tempPath(t)
	s := open(t, path, Options{})
	must(t, s, func(b *Batch) {
		b.ImportJob(9, "jobspec", []byte("{}"))
		b.ImportJob(4, "eventlog", []byte("e"))
		b.ImportJob(9, "eventlog", []byte("f"))
		b.ImportJob(9, "eventlog", []byte("g"))
	})
	_ = s.Close()
	s = open(t, path, Options{})
	check := func(after uint64, limit, bytes int, want string) {
		t.Helper()
		jobs, err := s.Imports(after, limit, bytes)
		got := ""
		for _, j := range jobs {
			got += fmt.Sprintf("%d %s|%s;", j.ID, j.Keys["eventlog"], j.Keys["jobspec"])
		}
		if err != nil || got != want {
			t.Errorf("got %q %v, want %q", got, err, want)
		}
	}
	check(0, 10, 1000, "4 e|;9 g|{};")
	check(0, 1, 1000, "4 e|;")
	check(0, 10, 0, "4 e|;")
	check(4, 10, 0, "9 g|{};")
	must(t, s, func(b *Batch) { b.DropImport(9) })
	check(4, 10, 1000, "")
}

func TestTruncateTakesJobsThatNobodyHas(t *testing.T) {
	path := tempPath(t)
	fill := func(s *Store) {
		must(t, s, func(b *Batch) {
			b.PutObject(raw([]byte("x")), []byte("x"))
			for id := uint64(1); id <= 2; id++ {
				b.PutJob(&Job{ID: id})
				b.AppendStream(id, "output", bytes.Repeat([]byte("x"), 2*tailLimit))
			}
			b.FinishJob(&FinishedJob{ID: 1, Result: 1})
		})
	}
	s := open(t, path, Options{})
	fill(s)
	_ = s.Close()

	s = open(t, path, Options{})
	recovered(t, s)
	must(t, s, func(b *Batch) { b.Truncate() })
	if _, err := s.Load(raw([]byte("x"))); err == nil {
		t.Error("an object is left")
	}
	if _, err := s.FinishedJob(1); err != nil {
		t.Errorf("a job in a service's hands is gone: %v", err)
	}
	_ = s.Close()

	s = open(t, path, Options{})
	must(t, s, func(b *Batch) { b.Truncate() })
	for range 2 {
		if r := recovered(t, s); len(r.Jobs) != 0 || len(r.Damaged) != 0 {
			t.Errorf("recovered %+v", r)
		}
		if jobs, err := s.KeptFinished(0, 10, 1); err != nil || len(jobs) != 0 {
			t.Errorf("finished jobs are left: %d %v", len(jobs), err)
		}
		if n, err := s.Tallies(); err != nil || len(n) != 0 {
			t.Errorf("tallies are left: %v %v", n, err)
		}
		_ = s.Close()
		s = open(t, path, Options{})
	}
	fill(s) // ids are free again
	_ = s.Close()
	s = open(t, path, Options{})
	if r := recovered(t, s); len(r.Jobs) != 1 || len(r.Damaged) != 0 {
		t.Errorf("recovered %+v", r)
	}
}

func TestRemove(t *testing.T) {
	path := tempPath(t)
	s := open(t, path, Options{})
	wantErrno(t, Remove(path), syscall.EBUSY)
	_ = s.Close()
	if err := os.WriteFile(path, []byte("this is no database, for certain"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, Options{}); err == nil {
		t.Fatal("opened what is no database")
	}
	if err := Remove(path); err != nil {
		t.Fatal(err)
	}
	open(t, path, Options{})
}
