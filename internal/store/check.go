// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"errors"
	"fmt"
	"io"
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
	if err := s.checkJobs(note); err != nil {
		return wrong, err
	}
	return wrong, s.checkChunks(note)
}

// checkRows is how many rows are read at a time: a reader that takes long keeps
// the log from being copied.
const checkRows = 500

// checkJobs checks the rows of finished jobs.
func (s *Store) checkJobs(note func(string, ...any)) error {
	after, more := int64(-1<<63), true
	for more {
		more = false
		err := s.reader("checking finished jobs", func(c *conn) error {
			return query(c, "SELECT id, userid, result, t_inactive, name, queue, info, records FROM goflux_job WHERE id > ? ORDER BY id LIMIT ?",
				func(st *stmt) bool {
					f := jobRow(st)
					after, more = int64(f.ID), true
					for _, col := range []int{6, 7} {
						if _, err := unpack(f.key(), columnBytes(st, col)); err != nil {
							note("job %d: %v", f.ID, err)
						}
					}
					return true
				}, after, int64(checkRows))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// checkChunks checks the pieces of streams.
func (s *Store) checkChunks(note func(string, ...any)) error {
	after, more := int64(0), true
	for more {
		more = false
		err := s.reader("checking streams", func(c *conn) error {
			return query(c, "SELECT rowid, id, name, offset, size, data FROM goflux_chunk WHERE rowid > ? ORDER BY rowid LIMIT ?",
				func(st *stmt) bool {
					after, more = st.ColumnInt64(0), true
					id, name := st.ColumnInt64(1), st.ColumnText(2)
					if _, err := unpack(keyOf(id, name, st.ColumnInt64(3), st.ColumnInt64(4)), columnBytes(st, 5)); err != nil {
						note("job %d: stream %s: %v", uint64(id), name, err)
					}
					return true
				}, after, int64(checkRows))
		})
		if err != nil {
			return err
		}
	}
	return nil
}
