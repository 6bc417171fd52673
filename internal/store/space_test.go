// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// What is purged gives its space back, and the file is sound afterwards.
func TestSpaceIsGivenBack(t *testing.T) {
	if underRace {
		t.Skip("writes thousands of transactions, one after another")
	}
	path := filepath.Join(fastDir(t), FileName)
	s := open(t, path, Options{Lasting: true, CheckpointPages: 100, Space: smallDisk})
	size := func() int64 { return fileSize(t, path) }
	const jobs = 600
	var ids []uint64
	for id := uint64(1); id <= jobs; id++ {
		ids = append(ids, id)
		must(t, s, func(b *Batch) {
			b.PutJob(&Job{ID: id})
			b.AppendStream(id, "output", noise(id))
		})
		must(t, s, func(b *Batch) { b.FinishJob(&FinishedJob{ID: id, TInactive: float64(id)}) })
	}
	full := size()
	for len(ids) > 50 {
		must(t, s, func(b *Batch) { b.PurgeJobs(ids[:10]...) })
		ids = ids[10:]
	}
	for range 400 { // and life goes on
		must(t, s, func(b *Batch) { b.SetMeta("x", noise(1)) })
	}
	if now := size(); now > full/2 {
		t.Errorf("%d bytes with %d jobs, %d with %d", full, jobs, now, len(ids))
	}
	if wrong, err := s.Check(); err != nil || len(wrong) > 0 {
		t.Errorf("afterwards: %q %v", wrong, err)
	}
	_ = s.Close()
	s = open(t, path, Options{Lasting: true})
	if data, _, err := s.ReadStream(jobs, "output", 0, 0); err != nil || !bytes.Equal(data, noise(jobs)) || len(s.Findings()) > 0 {
		t.Errorf("after a restart: %d bytes, %v, %q", len(data), err, s.Findings())
	}
}

// noise does not compress well.
func noise(seed uint64) []byte {
	b := make([]byte, 6000)
	for i := range b {
		seed = seed*6364136223846793005 + 1442695040888963407
		b[i] = byte(seed >> 56)
	}
	return b
}

// One large transaction makes the log's file long; what is beyond the usual goes
// when the log begins anew.
func TestLogGivesBack(t *testing.T) {
	path := filepath.Join(fastDir(t), FileName)
	const pages = 32
	s := open(t, path, Options{Lasting: true, CheckpointPages: pages, Space: smallDisk})
	log := func() int64 { return fileSize(t, path+"-wal") }
	must(t, s, func(b *Batch) {
		for id := uint64(1); id <= 10*pages; id++ {
			b.PutJob(&Job{ID: id, Fields: map[string][]byte{"jobspec": noise(id)}})
		}
	})
	if log() < 10*pages*defaultPageSize {
		t.Fatalf("the log has %d bytes after a large transaction", log())
	}
	must(t, s, func(b *Batch) { b.SetMeta("x", []byte("1")) })
	if log() > 2*pages*defaultPageSize {
		t.Errorf("the log has %d bytes after it has begun anew", log())
	}
}

// A log that could not be copied whole, for somebody was reading, is tried
// again soon, not when it has grown by as much again.
func TestLogIsCopiedAfterReading(t *testing.T) {
	path := filepath.Join(fastDir(t), FileName)
	const pages = 64
	s := open(t, path, Options{Lasting: true, CheckpointPages: pages, Space: smallDisk})
	write := func() { must(t, s, func(b *Batch) { b.SetMeta("x", noise(1)) }) }
	write()
	reader := <-s.read
	if err := exec(reader, "BEGIN"); err != nil {
		t.Fatal(err)
	}
	count := func(*stmt) bool { return false }
	if err := query(reader, "SELECT count(*) FROM goflux_meta", count); err != nil {
		t.Fatal(err)
	}
	grown := int64(2 * pages * defaultPageSize)
	for fileSize(t, path+"-wal") < grown {
		write()
	}
	if err := exec(reader, "COMMIT"); err != nil {
		t.Fatal(err)
	}
	s.read <- reader
	salts := s.guard.salts
	for writes := 1; s.guard.salts == salts; writes++ {
		if write(); writes > pages/4 {
			t.Fatalf("after %d transactions the log has not begun anew", writes)
		}
	}
}

func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return fi.Size()
}
