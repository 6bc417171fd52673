// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"encoding/binary"
	"fmt"
	"strings"
	"syscall"

	"goflux/internal/message"
)

// JobQuery selects finished jobs. The zero value selects all.
type JobQuery struct {
	UserID *uint32
	// Results is a mask of results, 0 for any.
	Results int
	Name    string
	Queue   string
	// Since selects jobs that became inactive at or after it, in seconds
	// since the epoch.
	Since float64
	// Known, when not nil, tells of jobs whose Info the caller has, or does not
	// want: it is left out. A row never changes.
	Known func(*FinishedJob) bool
	// Records asks for their Records, too. A row with damaged ones has none.
	Records bool
	// After continues after a job of an earlier page: its TInactive and ID.
	After *Cursor
}

// Cursor is a place in the order of finished jobs.
type Cursor struct {
	TInactive float64
	ID        uint64
}

func (q *JobQuery) where() (string, []any) {
	var terms []string
	var args []any
	add := func(term string, a ...any) {
		terms = append(terms, term)
		args = append(args, a...)
	}
	if q.UserID != nil {
		add("userid = ?", int64(*q.UserID))
	}
	if q.Results != 0 {
		add("(result & ?) != 0", int64(q.Results))
	}
	if q.Name != "" {
		add("name = ?", q.Name)
	}
	if q.Queue != "" {
		add("queue = ?", q.Queue)
	}
	if q.Since > 0 {
		add("t_inactive >= ?", q.Since)
	}
	if q.After != nil {
		add("(t_inactive, id) < (?, ?)", q.After.TInactive, int64(q.After.ID))
	}
	if terms == nil {
		return "", nil
	}
	return " WHERE " + strings.Join(terms, " AND "), args
}

// FinishedJobs calls fn for the jobs selected, the last to become inactive
// first, without their Records unless those are asked for, until fn returns false.
// A row whose Info is damaged has none. It blocks for the disk.
func (s *Store) FinishedJobs(q JobQuery, fn func(*FinishedJob) bool) error {
	where, args := q.where()
	columns := "id, userid, result, t_inactive, name, queue, info"
	if q.Records {
		columns += ", records"
	}
	return s.reader("listing finished jobs", func(c *conn) error {
		return query(c, "SELECT "+columns+" FROM goflux_job"+where+
			" ORDER BY t_inactive DESC, id DESC", func(st *stmt) bool {
			f := jobRow(st)
			if q.Known == nil || !q.Known(f) {
				f.Info, _ = unpack(f.key(), columnBytes(st, 6)) // reported by FinishedJob, when asked for by id
			}
			if q.Records {
				if packed, err := unpack(f.key(), columnBytes(st, 7)); err == nil {
					f.Records, _, _ = decodeRecords(packed)
				}
			}
			return fn(f)
		}, args...)
	})
}

// key stands for the row's columns in the checksums of its blobs.
func (f *FinishedJob) key() uint32 {
	return keyOf(int64(f.ID), int64(f.UserID), int64(f.Result), f.TInactive, f.Name, f.Queue)
}

func jobRow(st *stmt) *FinishedJob {
	return &FinishedJob{
		ID: uint64(st.ColumnInt64(0)), UserID: uint32(st.ColumnInt64(1)),
		Result: st.ColumnInt(2), TInactive: st.ColumnFloat(3),
		Name: st.ColumnText(4), Queue: st.ColumnText(5),
	}
}

// FinishedJob returns a finished job with its records. ENOENT when there is
// none, EIO when the row is damaged. It blocks for the disk.
func (s *Store) FinishedJob(id uint64) (*FinishedJob, error) {
	var f *FinishedJob
	var info, records []byte
	err := s.reader("reading a finished job", func(c *conn) error {
		return query(c, "SELECT id, userid, result, t_inactive, name, queue, info, records FROM goflux_job WHERE id = ?",
			func(st *stmt) bool {
				f, info, records = jobRow(st), columnBytes(st, 6), columnBytes(st, 7)
				return false
			}, int64(id))
	})
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, message.Errorf(syscall.ENOENT, "job %d is not among the finished", id)
	}
	if f.Info, err = unpack(f.key(), info); err != nil {
		return nil, err
	}
	if records, err = unpack(f.key(), records); err != nil {
		return nil, err
	}
	f.Records, _, err = decodeRecords(records)
	return f, err
}

// HasFinished tells whether a job is among the finished. It blocks for the disk.
func (s *Store) HasFinished(id uint64) (found bool, err error) {
	err = s.reader("looking for a finished job", func(c *conn) error {
		return query(c, "SELECT 1 FROM goflux_job WHERE id = ?", func(*stmt) bool {
			found = true
			return false
		}, int64(id))
	})
	return found, err
}

// finishedRecords returns the records and stream tails of a finished job.
func (s *Store) finishedRecords(id uint64) (map[string][]byte, map[string]tail, error) {
	var packed []byte
	var key uint32
	err := s.reader("reading a finished job", func(c *conn) error {
		return query(c, "SELECT id, userid, result, t_inactive, name, queue, records FROM goflux_job WHERE id = ?", func(st *stmt) bool {
			packed, key = columnBytes(st, 6), jobRow(st).key()
			return false
		}, int64(id))
	})
	if err != nil {
		return nil, nil, err
	}
	if packed == nil {
		return nil, nil, message.Errorf(syscall.ENOENT, "job %d is not known", id)
	}
	b, err := unpack(key, packed)
	if err != nil {
		return nil, nil, err
	}
	return decodeRecords(b)
}

// Tally is how many finished jobs of a queue have a result.
type Tally struct {
	Queue  string
	Result int
	Count  int64
}

// Tallies counts the finished jobs by queue and result, whatever their number
// in constant time.
func (s *Store) Tallies() ([]Tally, error) {
	var out []Tally
	err := s.reader("counting finished jobs", func(c *conn) error {
		return query(c, "SELECT queue, result, n FROM goflux_tally WHERE n != 0", func(st *stmt) bool {
			out = append(out, Tally{st.ColumnText(0), st.ColumnInt(1), st.ColumnInt64(2)})
			return true
		})
	})
	return out, err
}

// CountFinished counts the jobs selected.
func (s *Store) CountFinished(q JobQuery) (n int64, err error) {
	where, args := q.where()
	err = s.reader("counting finished jobs", func(c *conn) error {
		return query(c, "SELECT COUNT(*) FROM goflux_job"+where, func(st *stmt) bool {
			n = st.ColumnInt64(0)
			return false
		}, args...)
	})
	return n, err
}

// sealMeta puts the checksum of a value and its key before it.
func sealMeta(key string, value []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, keyed(keyOf(key), value)), value...)
}

func openMeta(key string, b []byte) ([]byte, error) {
	if len(b) < 4 || binary.BigEndian.Uint32(b) != keyed(keyOf(key), b[4:]) {
		return nil, damaged("checksum does not match")
	}
	return b[4:], nil
}

// Meta returns all values of the instance. EIO when one is damaged.
func (s *Store) Meta() (map[string][]byte, error) {
	m := map[string][]byte{}
	var damage error
	err := s.reader("reading the instance's values", func(c *conn) error {
		return query(c, "SELECT key, value FROM goflux_meta", func(st *stmt) bool {
			key := st.ColumnText(0)
			value, err := openMeta(key, columnBytes(st, 1))
			if err != nil {
				damage = fmt.Errorf("value %s: %w", key, err)
			} else {
				m[key] = value
			}
			return true
		})
	})
	if err == nil {
		err = damage
	}
	return m, err
}
