// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"encoding/binary"
	"os"
	"syscall"

	"goflux/internal/message"
)

func (t *txn) putObject(hash string, data []byte) error {
	size, object, err := packObject(data)
	if err != nil {
		return err
	}
	if object == nil {
		object = []byte{}
	}
	return t.exec("INSERT INTO objects (hash,size,object,epoch) VALUES (?,?,?,?)"+
		" ON CONFLICT(hash) DO UPDATE SET epoch = excluded.epoch", hash, size, object, t.epoch)
}

func (t *txn) putCheckpoint(value string, replace bool) error {
	if replace && t.advancing != 0 {
		t.sealCheckpoint(t.advancing, value)
		return t.exec("UPDATE checkpt_v2 SET value = ? WHERE id = ?", value, t.advancing)
	}
	if err := t.exec("INSERT INTO checkpt_v2 (value) VALUES (?)", value); err != nil {
		return err
	}
	t.epoch = t.s.write.LastInsertRowID()
	t.sealCheckpoint(t.epoch, value)
	t.advancing = 0
	if replace {
		t.advancing = t.epoch
	}
	return t.exec("DELETE FROM checkpt_v2 WHERE id IN (SELECT id FROM checkpt_v2 ORDER BY id DESC LIMIT -1 OFFSET ?)",
		int64(t.s.maxCheckpts))
}

// metaCheckpoint is the key of the newest checkpoint's number and checksum: its
// table is flux-core's and has no room for one.
const metaCheckpoint = "checkpoint"

func (t *txn) sealCheckpoint(id int64, value string) {
	t.meta[metaCheckpoint] = checkpointSeal(id, value)
}

func checkpointSeal(id int64, value string) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(id)<<32|uint64(checksum([]byte(value))))
}

// truncate empties the content tables. What no job service has taken in hand
// since Open goes with them: it belonged to the content that is gone.
func (t *txn) truncate() error {
	t.epoch, t.advancing = 0, 0
	t.meta[metaCheckpoint] = nil
	tables := []string{"objects", "checkpt_v2"}
	if t.s.recovered != nil {
		tables = append(tables, "goflux_journal", "goflux_active", "goflux_chunk", "goflux_job", "goflux_tally", "goflux_import")
		t.forgetJobs()
	}
	for _, table := range tables {
		if err := t.exec("DELETE FROM " + table); err != nil {
			return err
		}
	}
	return t.exec("DELETE FROM sqlite_sequence WHERE name = 'checkpt_v2'")
}

// forgetJobs stages a store without jobs.
func (t *txn) forgetJobs() {
	for id := range t.s.active {
		t.jobs[id] = nil
	}
	t.jobs[0] = &activeJob{}
	t.records, t.journalBytes = nil, 0
	clear(t.touched)
	clear(t.tally)
	t.forgot = true
}

func (t *txn) markObjects(epoch int64, hashes []string, marked *int) error {
	*marked = 0
	for _, h := range hashes {
		err := t.exec("UPDATE objects SET epoch = MAX(epoch, ?1) WHERE hash = ?2", epoch, h)
		if err != nil {
			return err
		}
		*marked += t.s.write.Changes()
	}
	return nil
}

// Sweep deletes objects whose epoch is below Epoch and whose row lies in
// (Cursor, min(HighWater, Cursor+Window)], at most Limit of them.
type Sweep struct {
	Epoch, Cursor, HighWater, Limit, Window int64
}

// SweepResult is how many objects were deleted and the cursor to go on from.
type SweepResult struct {
	Deleted, Cursor int64
}

func (t *txn) sweepObjects(s Sweep, out *SweepResult) error {
	last := min(s.HighWater, s.Cursor+s.Window)
	var rows []int64
	err := query(t.s.write, "SELECT rowid FROM objects WHERE epoch < ? AND rowid > ? AND rowid <= ? ORDER BY rowid LIMIT ?",
		func(st *stmt) bool {
			rows = append(rows, st.ColumnInt64(0))
			return true
		}, s.Epoch, s.Cursor, last, s.Limit)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := t.exec("DELETE FROM objects WHERE rowid = ?", r); err != nil {
			return err
		}
	}
	out.Deleted, out.Cursor = int64(len(rows)), last
	if int64(len(rows)) == s.Limit {
		out.Cursor = rows[len(rows)-1]
	}
	return nil
}

// Load returns a content object by its raw hash. ENOENT when it is not there.
// It blocks for the disk.
func (s *Store) Load(hash string) (data []byte, err error) {
	found := false
	rerr := s.reader("loading an object", func(c *conn) error {
		return query(c, "SELECT object, size FROM objects WHERE hash = ? LIMIT 1", func(st *stmt) bool {
			found = true
			data, err = unpackObject(st.ColumnInt64(1), columnBytes(st, 0))
			return false
		}, hash)
	})
	switch {
	case rerr != nil:
		return nil, rerr
	case err != nil:
		return nil, err
	case !found:
		return nil, syscall.ENOENT
	}
	return data, nil
}

// Checkpoint is a stored checkpoint: its id and its JSON (RFC 11).
type Checkpoint struct {
	ID    int64
	Value []byte
}

// Checkpoints returns the stored checkpoints, newest first. It blocks for the
// disk.
func (s *Store) Checkpoints() ([]Checkpoint, error) {
	var out []Checkpoint
	err := s.reader("reading checkpoints", func(c *conn) error {
		return query(c, "SELECT id, value FROM checkpt_v2 ORDER BY id DESC", func(st *stmt) bool {
			out = append(out, Checkpoint{st.ColumnInt64(0), columnBytes(st, 1)})
			return true
		})
	})
	return out, err
}

// ContentStats describes the content tables.
type ContentStats struct {
	Objects   int64
	Epoch     int64
	FileSize  int64 // bytes, with the write-ahead log
	FreeSpace int64 // bytes free on the file system
	HighWater int64 // the largest row id of an object
}

// ContentStats counts objects and space. It blocks for the disk.
func (s *Store) ContentStats() (ContentStats, error) {
	var out ContentStats
	s.mu.Lock()
	out.Epoch = s.state.epoch
	s.mu.Unlock()
	err := s.reader("counting objects", func(c *conn) error {
		return query(c, "SELECT COUNT(*), MAX(rowid) FROM objects", func(st *stmt) bool {
			out.Objects, out.HighWater = st.ColumnInt64(0), st.ColumnInt64(1)
			return false
		})
	})
	for _, suffix := range []string{"", "-wal"} {
		if fi, err := os.Stat(s.path + suffix); err == nil {
			out.FileSize += fi.Size()
		}
	}
	var fs syscall.Statfs_t
	if syscall.Statfs(s.path, &fs) == nil {
		out.FreeSpace = int64(fs.Bavail) * fs.Bsize
	}
	return out, err
}

// HighWater is the current epoch and the largest row id of an object, which a
// sweep is to stop at. It blocks for the disk.
func (s *Store) HighWater() (epoch, rowid int64, err error) {
	s.mu.Lock()
	epoch = s.state.epoch
	s.mu.Unlock()
	err = s.reader("reading the object high-water mark", func(c *conn) error {
		return query(c, "SELECT MAX(rowid) FROM objects", func(st *stmt) bool {
			rowid = st.ColumnInt64(0)
			return false
		})
	})
	return epoch, rowid, err
}

// CountBelow counts the objects whose epoch is below epoch. It reads the whole
// table.
func (s *Store) CountBelow(epoch int64) (n int64, err error) {
	err = s.reader("counting objects", func(c *conn) error {
		return query(c, "SELECT COUNT(*) FROM objects WHERE epoch < ?", func(st *stmt) bool {
			n = st.ColumnInt64(0)
			return false
		}, epoch)
	})
	return n, err
}

// SetMaxCheckpoints changes how many checkpoints are kept. EINVAL below 1.
func (s *Store) SetMaxCheckpoints(n int) error {
	if n < 1 {
		return message.Errorf(syscall.EINVAL, "max_checkpoints must be at least 1, not %d", n)
	}
	var b Batch
	b.add(func(t *txn) error {
		t.s.maxCheckpts = n
		return nil
	})
	return s.CommitWait(&b)
}
