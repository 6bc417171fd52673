// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"goflux/internal/message"
)

// Findings are what the examination at the start found wrong, also what has
// been mended. They are among the [Store.Reports], too.
func (s *Store) Findings() []string { return s.findings }

// Unchecked reports whether the file is so large that the checksums of its
// pages have not all been checked at the start: [Store.CheckPages] does that.
func (s *Store) Unchecked() bool { return s.unchecked }

// checkSlice is how many pages are checked while the writer waits: some 3 ms.
const checkSlice = 1024

// CheckPages checks the file against the checksums of its pages, a few at a
// time, between transactions. It blocks for the disk.
func (s *Store) CheckPages() (wrong []string, err error) {
	var bad []uint32
	for first := uint32(1); first != 0 && err == nil; {
		err = s.between(func() error {
			first, err = s.checkSome(first, &bad)
			return err
		})
	}
	if len(bad) > 0 {
		wrong = append(wrong, fmt.Sprintf("%d pages do not match their checksums: %s", len(bad), few(bad)))
	}
	return wrong, err
}

// checkSome checks pages from first on and returns where to go on, 0 at the
// end. What is in the log waits for being copied.
func (s *Store) checkSome(first uint32, bad *[]uint32) (next uint32, err error) {
	g := s.guard
	if g == nil || g.lost {
		return 0, nil
	}
	state := readGuard(g.f)
	if first > state.pages {
		return 0, nil
	}
	n := min(checkSlice, state.pages-first+1)
	sums := readSums(g.f, first, n)
	b := make([]byte, int(n)*g.size)
	got, err := g.db.ReadAt(b, int64(first-1)*int64(g.size))
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	for i := range n {
		at := int(i) * g.size
		if _, waits := g.pages[first+i]; waits {
			continue
		}
		if at+g.size > got || int(i) >= len(sums) || checksum(b[at:at+g.size]) != sums[i] {
			*bad = append(*bad, first+i)
		}
	}
	return first + n, nil
}

// Check looks for damage in all the store holds, while it is in use: pages,
// SQLite's own check, and the records. It reads everything, and blocks for the
// disk. Content objects are left to those who know which are in use.
func (s *Store) Check() ([]string, error) {
	wrong, err := s.CheckPages()
	if err != nil {
		return wrong, err
	}
	note := func(format string, args ...any) {
		if len(wrong) < maxFindings {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	err = s.reader("checking the database", func(c *conn) error {
		return query(c, "PRAGMA integrity_check", func(st *stmt) bool {
			if t := st.ColumnText(0); t != "ok" {
				note("SQLite finds: %s", t)
			}
			return true
		})
	})
	if err != nil {
		note("%v", err)
	}
	for after := int64(-1 << 63); ; {
		ids, err := s.finishedAfter(after)
		if err != nil || len(ids) == 0 {
			return wrong, err
		}
		for _, id := range ids {
			after = id
			s.checkJob(uint64(id), note)
		}
	}
}

// checkJob reads all of a finished job.
func (s *Store) checkJob(id uint64, note func(string, ...any)) {
	_, err := s.FinishedJob(id)
	if message.Errno(err) == syscall.ENOENT {
		return // purged a moment ago
	}
	if err == nil {
		_, err = s.keptStreams(id)
	}
	if err != nil && message.Errno(err) != syscall.ENOENT {
		note("job %d: %v", id, err)
	}
}

// finishedAfter lists some finished jobs by id.
func (s *Store) finishedAfter(after int64) (ids []int64, err error) {
	err = s.reader("listing finished jobs", func(c *conn) error {
		return query(c, "SELECT id FROM goflux_job WHERE id > ? ORDER BY id LIMIT 1000", func(st *stmt) bool {
			ids = append(ids, st.ColumnInt64(0))
			return true
		}, after)
	})
	return ids, err
}
