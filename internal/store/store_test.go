// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"goflux/internal/message"
)

func open(t testing.TB, path string, opt Options) *Store {
	t.Helper()
	s, err := Open(path, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func recovered(t testing.TB, s *Store) *Recovered {
	t.Helper()
	r, err := s.Recover()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func tempPath(t testing.TB) string { return filepath.Join(t.TempDir(), FileName) }

func must(t testing.TB, s *Store, fill func(b *Batch)) {
	t.Helper()
	var b Batch
	fill(&b)
	if err := s.CommitWait(&b); err != nil {
		t.Fatal(err)
	}
}

func wantErrno(t testing.TB, err error, num syscall.Errno) {
	t.Helper()
	if !errors.Is(err, num) {
		t.Errorf("got error %v, want %v", err, num)
	}
}

func raw(data []byte) string { h := sha1.Sum(data); return string(h[:]) }

func TestJobLife(t *testing.T) {
	path := tempPath(t)
	s := open(t, path, Options{})
	must(t, s, func(b *Batch) {
		b.PutJob(&Job{ID: 7, UserID: 100, Urgency: 16, TSubmit: 1.5, Fields: map[string][]byte{"jobspec": []byte("{}")}})
		b.AppendEvents(7, []byte("submit\n"))
		b.AppendStream(7, "output", []byte("hello "))
		b.SetMeta("max_jobid", []byte("7"))
		b.AppendStream(0, "resource.eventlog", []byte("start\n"))
	})
	must(t, s, func(b *Batch) {
		b.AppendEvents(7, []byte("alloc\n"))
		b.SetField(7, "R", []byte("r"))
		b.AppendStream(7, "output", []byte("world"))
	})
	check := func(s *Store) {
		t.Helper()
		got, size, err := s.ReadStream(7, "output", 3, 0)
		if err != nil || string(got) != "lo world" || size != 11 {
			t.Errorf("stream: %q %d %v", got, size, err)
		}
		got, _, err = s.ReadStream(0, "resource.eventlog", 0, 0)
		if err != nil || string(got) != "start\n" {
			t.Errorf("log: %q %v", got, err)
		}
	}
	check(s)
	_ = s.Close()

	s = open(t, path, Options{})
	check(s)
	r := recovered(t, s)
	if len(r.Jobs) != 1 || len(r.Damaged) != 0 {
		t.Fatalf("recovered %+v", r)
	}
	j := r.Jobs[0]
	if j.ID != 7 || j.UserID != 100 || j.Urgency != 16 || j.TSubmit != 1.5 ||
		string(j.Events) != "submit\nalloc\n" || string(j.Fields["R"]) != "r" || string(j.Fields["jobspec"]) != "{}" {
		t.Errorf("job %+v", j)
	}
	must(t, s, func(b *Batch) {
		b.FinishJob(&FinishedJob{ID: 7, UserID: 100, Result: 1, TInactive: 2, Name: "a", Queue: "q",
			Info: []byte("info"), Records: map[string][]byte{"eventlog": j.Events}})
	})
	got, _, err := s.ReadStream(7, "output", 0, 5)
	if err != nil || string(got) != "hello" {
		t.Errorf("stream of a finished job: %q %v", got, err)
	}
	_ = s.Close()

	s = open(t, path, Options{})
	if r := recovered(t, s); len(r.Jobs) != 0 || len(r.Damaged) != 0 {
		t.Errorf("recovered %+v", r)
	}
	f, err := s.FinishedJob(7)
	if err != nil || string(f.Info) != "info" || string(f.Records["eventlog"]) != "submit\nalloc\n" || f.Queue != "q" {
		t.Errorf("finished %+v %v", f, err)
	}
	m, err := s.Meta()
	if err != nil || string(m["max_jobid"]) != "7" {
		t.Errorf("meta %v %v", m, err)
	}
	must(t, s, func(b *Batch) { b.PurgeJobs(7, 8); b.SetMeta("max_jobid", nil) })
	_, err = s.FinishedJob(7)
	wantErrno(t, err, syscall.ENOENT)
	if tallies, _ := s.Tallies(); len(tallies) != 0 {
		t.Errorf("tallies %v", tallies)
	}
}

// Batches that nobody waits for are written with the next that is waited for, in
// order and in one transaction, or when the store is closed.
func TestPatientBatches(t *testing.T) {
	var begun int
	s := open(t, tempPath(t), Options{Patience: time.Hour, Hook: func(point string) error {
		if point == "begin" {
			begun++
		}
		return nil
	}})
	var done []string
	patient := func(name string) {
		var b Batch
		b.SetMeta("last", []byte(name))
		b.MayWait()
		s.Commit(&b, func(err error) { done = append(done, fmt.Sprint(name, err)) })
	}
	patient("a")
	patient("b")
	must(t, s, func(b *Batch) { b.SetMeta("awaited", nil) })
	patient("c")
	meta, err := s.Meta()
	if err != nil || string(meta["last"]) != "b" || begun != 1 {
		t.Errorf("%q, %v after %d transactions", meta["last"], err, begun)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(done, " "); got != "a<nil> b<nil> c<nil>" || begun != 2 {
		t.Errorf("%s after %d transactions", got, begun)
	}
}

// A batch that nobody waits for is written all the same, and many are at once.
func TestPatienceEnds(t *testing.T) {
	for name, opt := range map[string]Options{"late": {Patience: 1}, "many": {Patience: time.Hour}} {
		s := open(t, tempPath(t), opt)
		done := make(chan error, patientMost)
		for range map[string]int{"late": 1, "many": patientMost}[name] {
			var b Batch
			b.SetMeta("last", []byte(name))
			b.MayWait()
			s.Commit(&b, func(err error) { done <- err })
		}
		if err := <-done; err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRefusedBatchLeavesNothing(t *testing.T) {
	s := open(t, tempPath(t), Options{})
	must(t, s, func(b *Batch) { b.PutJob(&Job{ID: 1}) })
	var bad Batch
	bad.PutJob(&Job{ID: 2})
	bad.AppendEvents(9, []byte("x"))
	wantErrno(t, s.CommitWait(&bad), syscall.ENOENT)
	var again Batch
	again.PutJob(&Job{ID: 1})
	wantErrno(t, s.CommitWait(&again), syscall.EEXIST)
	must(t, s, func(b *Batch) { b.PutJob(&Job{ID: 2}) }) // was rolled back before
}

// Batches that wait together share a transaction; one at fault fails alone.
func TestGroupIsolation(t *testing.T) {
	gate := make(chan struct{})
	commits := 0
	s := open(t, tempPath(t), Options{Hook: func(p string) error {
		if p == "begin" {
			<-gate
		}
		if p == "synced" {
			commits++
		}
		return nil
	}})
	errs := make(chan error, 10)
	for i := range 10 {
		var b Batch
		b.PutJob(&Job{ID: uint64(1 + i%9)}) // the last is a duplicate
		s.Commit(&b, func(err error) { errs <- err })
	}
	close(gate)
	for i := range 10 {
		err := <-errs
		if (err != nil) != (i == 9) {
			t.Errorf("batch %d: %v", i, err)
		}
	}
	must(t, s, func(b *Batch) { b.SetMeta("x", []byte("y")) })
	before := commits
	gate = make(chan struct{})
	n := 100
	done := make(chan error, n)
	for i := range n {
		var b Batch
		b.AppendEvents(1, []byte(fmt.Sprintln(i)))
		s.Commit(&b, func(err error) { done <- err })
	}
	close(gate)
	for range n {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if commits-before > 2 {
		t.Errorf("%d batches took %d transactions", n, commits-before)
	}
}

func TestStreamsLargeAndReplaced(t *testing.T) {
	path := tempPath(t)
	s := open(t, path, Options{})
	var want []byte
	must(t, s, func(b *Batch) { b.PutJob(&Job{ID: 5}) })
	for i := range 200 {
		piece := bytes.Repeat([]byte{byte('a' + i%26)}, i*7)
		want = append(want, piece...)
		must(t, s, func(b *Batch) { b.AppendStream(5, "out", piece); b.AppendStream(0, "log", piece) })
	}
	readAll := func(id uint64, name string) []byte {
		var all []byte
		for {
			b, _, err := s.ReadStream(id, name, int64(len(all)), 1000)
			if err != nil {
				t.Fatal(err)
			}
			if len(b) == 0 {
				return all
			}
			all = append(all, b...)
		}
	}
	reopen := func() {
		_ = s.Close()
		s = open(t, path, Options{})
		if d := recovered(t, s).Damaged; len(d) != 0 {
			t.Errorf("damaged: %v", d)
		}
	}
	for range 2 {
		if !bytes.Equal(readAll(5, "out"), want) || !bytes.Equal(readAll(0, "log"), want) {
			t.Fatal("stream differs")
		}
		reopen()
	}
	must(t, s, func(b *Batch) { b.ReplaceStream(0, "log", []byte("fresh\n")) })
	must(t, s, func(b *Batch) { b.AppendStream(0, "log", []byte("more\n")) })
	for range 2 {
		if got := readAll(0, "log"); string(got) != "fresh\nmore\n" {
			t.Errorf("replaced: %q", got)
		}
		reopen()
	}
	must(t, s, func(b *Batch) { b.FinishJob(&FinishedJob{ID: 5}) })
	for range 2 {
		if !bytes.Equal(readAll(5, "out"), want) {
			t.Fatal("stream of the finished job differs")
		}
		reopen()
	}
}

func TestJournalIsBounded(t *testing.T) {
	path := tempPath(t)
	s := open(t, path, Options{})
	line := bytes.Repeat([]byte("x"), 3000)
	must(t, s, func(b *Batch) {
		b.PutJob(&Job{ID: 1, UserID: 3})
		b.AppendEvents(1, []byte("long job\n"))
		b.AppendStream(1, "out", []byte("early"))
	})
	for i := range 300 {
		id := uint64(100 + i)
		must(t, s, func(b *Batch) {
			b.PutJob(&Job{ID: id, Fields: map[string][]byte{"J": bytes.Repeat(line, 5)}})
			b.AppendEvents(id, []byte("a"))
		})
		must(t, s, func(b *Batch) { b.FinishJob(&FinishedJob{ID: id, TInactive: float64(i)}) })
	}
	must(t, s, func(b *Batch) { b.AppendEvents(1, []byte("late\n")); b.AppendStream(1, "out", []byte(" late")) })
	if s.state.journalBytes > journalLimit+100000 {
		t.Errorf("the journal has %d bytes", s.state.journalBytes)
	}
	if !s.active[1].folded {
		t.Error("the long job was not folded")
	}
	_ = s.Close()
	s = open(t, path, Options{})
	r := recovered(t, s)
	if len(r.Jobs) != 1 || string(r.Jobs[0].Events) != "long job\nlate\n" || r.Jobs[0].UserID != 3 || len(r.Damaged) != 0 {
		t.Fatalf("recovered %d jobs, damaged %v", len(r.Jobs), r.Damaged)
	}
	if b, _, err := s.ReadStream(1, "out", 0, 0); string(b) != "early" || err != nil {
		t.Errorf("stream %q %v", b, err)
	}
	if b, _, err := s.ReadStream(1, "out", 5, 0); string(b) != " late" || err != nil {
		t.Errorf("stream %q %v", b, err)
	}
	must(t, s, func(b *Batch) { b.FinishJob(&FinishedJob{ID: 1}) })
	_ = s.Close()
	s = open(t, path, Options{})
	if r := recovered(t, s); len(r.Jobs) != 0 || len(r.Damaged) != 0 {
		t.Errorf("recovered %v, damaged %v", r.Jobs, r.Damaged)
	}
}

func TestListFinished(t *testing.T) {
	s := open(t, tempPath(t), Options{})
	for i := 1; i <= 20; i++ {
		id := uint64(i)
		must(t, s, func(b *Batch) {
			b.PutJob(&Job{ID: id})
			b.FinishJob(&FinishedJob{ID: id, UserID: uint32(i % 2), Result: 1 << (i % 2), TInactive: float64(i / 2), Name: fmt.Sprint("n", i%3), Queue: "batch"})
		})
	}
	list := func(q JobQuery, limit int) (ids []uint64, last *FinishedJob) {
		t.Helper()
		err := s.FinishedJobs(q, func(f *FinishedJob) bool {
			ids, last = append(ids, f.ID), f
			return len(ids) < limit
		})
		if err != nil {
			t.Fatal(err)
		}
		return ids, last
	}
	uid := uint32(1)
	ids, last := list(JobQuery{UserID: &uid}, 3)
	if fmt.Sprint(ids) != "[19 17 15]" {
		t.Errorf("got %v", ids)
	}
	ids, _ = list(JobQuery{UserID: &uid, After: &Cursor{last.TInactive, last.ID}}, 3)
	if fmt.Sprint(ids) != "[13 11 9]" {
		t.Errorf("next page %v", ids)
	}
	if ids, _ = list(JobQuery{Name: "n0", Results: 2, Since: 4}, 99); fmt.Sprint(ids) != "[15 9]" {
		t.Errorf("filtered %v", ids)
	}
	if n, err := s.CountFinished(JobQuery{Queue: "batch", Results: 3}); n != 20 || err != nil {
		t.Errorf("count %d %v", n, err)
	}
	tallies, err := s.Tallies()
	if err != nil || len(tallies) != 2 || tallies[0].Count != 10 {
		t.Errorf("tallies %v %v", tallies, err)
	}
	if old, _ := s.AgedJobs(2, -1, 99); fmt.Sprint(agedIDs(old)) != "[1 2 3]" {
		t.Errorf("aged %v", old)
	}
	if old, _ := s.AgedJobs(0, 16, 99); fmt.Sprint(agedIDs(old)) != "[1 2 3 4]" {
		t.Errorf("surplus %v", old)
	}
}

// A damaged record costs itself; the rest loads and the damage is named.
func TestDamageIsReported(t *testing.T) {
	path := tempPath(t)
	s := open(t, path, Options{})
	for i := 1; i <= 3; i++ {
		must(t, s, func(b *Batch) {
			b.PutJob(&Job{ID: uint64(i)})
			b.AppendEvents(uint64(i), []byte(fmt.Sprintf("event of %d\n", i)))
		})
	}
	must(t, s, func(b *Batch) {
		b.PutJob(&Job{ID: 4})
		b.FinishJob(&FinishedJob{ID: 4, Records: map[string][]byte{"R": []byte("some R")}})
	})
	_ = s.Close()
	edit(t, path, "UPDATE goflux_journal SET data = CAST(replace(CAST(data AS TEXT), 'event of 2', 'Event of 2') AS BLOB) WHERE seq = 2")
	edit(t, path, "UPDATE goflux_job SET records = zeroblob(30)")
	s = open(t, path, Options{})
	r := recovered(t, s)
	if len(r.Jobs) != 3 || len(r.Damaged) != 1 || r.Damaged[0].JobID != 2 || !strings.Contains(r.Damaged[0].String(), "checksum") {
		t.Errorf("jobs %d, damaged %v", len(r.Jobs), r.Damaged)
	}
	_, err := s.FinishedJob(4)
	wantErrno(t, err, syscall.EIO)
}

func edit(t *testing.T, path, sql string) {
	t.Helper()
	c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := exec(c, sql); err != nil {
		t.Fatal(err)
	}
	if c.Changes() == 0 {
		t.Fatalf("%s changed nothing", sql)
	}
}

func TestOpenErrors(t *testing.T) {
	path := tempPath(t)
	open(t, path, Options{})
	_, err := Open(path, Options{})
	wantErrno(t, err, syscall.EBUSY)
	if err == nil || !strings.Contains(err.Error(), "another broker") {
		t.Errorf("second open: %v", err)
	}
	_, err = Open(filepath.Join(t.TempDir(), "no", "such"), Options{})
	wantErrno(t, err, syscall.ENOENT)
}

func TestIOErrorIsFinal(t *testing.T) {
	fail := false
	s := open(t, tempPath(t), Options{Hook: func(p string) error {
		if fail && p == "commit" {
			return message.Errorf(syscall.EIO, "the disk is gone")
		}
		return nil
	}})
	must(t, s, func(b *Batch) { b.PutJob(&Job{ID: 1}) })
	fail = true
	var b Batch
	b.AppendEvents(1, []byte("x"))
	wantErrno(t, s.CommitWait(&b), syscall.EIO)
	fail = false
	wantErrno(t, s.CommitWait(&b), syscall.EIO)
}

// A change of jobs that is not on disk is not followed by others: whoever
// starts anew finds what there was before.
func TestNoHoles(t *testing.T) {
	full := false
	s := open(t, tempPath(t), Options{Hook: func(p string) error {
		if full && p == "commit" {
			return message.Errorf(syscall.ENOSPC, "no space")
		}
		return nil
	}})
	must(t, s, func(b *Batch) { b.PutJob(&Job{ID: 1}); b.AppendEvents(1, []byte("a\n")) })
	var b Batch
	b.AppendEvents(1, []byte("b\n"))
	full = true
	wantErrno(t, s.CommitWait(&b), syscall.ENOSPC)
	full = false
	wantErrno(t, s.CommitWait(&b), syscall.ENOSPC)
	must(t, s, func(b *Batch) { b.PutObject(raw(nil), nil); b.SetMeta("x", []byte("1")) })
	for range 2 {
		if r := recovered(t, s); len(r.Jobs) != 1 || string(r.Jobs[0].Events) != "a\n" {
			t.Errorf("recovered %+v", r.Jobs)
		}
		_ = recovered(t, s)
	}
	must(t, s, func(b *Batch) { b.AppendEvents(1, []byte("c\n")) })
	if r := recovered(t, s); string(r.Jobs[0].Events) != "a\nc\n" {
		t.Errorf("afterwards %s", r.Jobs[0].Events)
	}
}

func agedIDs(jobs []AgedJob) (ids []uint64) {
	for _, j := range jobs {
		ids = append(ids, j.ID)
	}
	return ids
}
