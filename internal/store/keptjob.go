// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"sort"
	"syscall"

	"goflux/internal/message"
)

// KeptJob is all that is kept of a job, for those who copy it elsewhere.
type KeptJob struct {
	ID      uint64
	UserID  uint32
	Records map[string][]byte // its documents, eventlog among them
	Streams map[string][]byte
	Err     error // what of it could not be read
}

func (j *KeptJob) size() (n int) {
	for _, b := range j.Records {
		n += len(b)
	}
	for _, b := range j.Streams {
		n += len(b)
	}
	return n
}

// KeptActive returns the active jobs with ids above after, by id. It waits for
// what has been committed before, and blocks for the disk.
func (s *Store) KeptActive(after uint64) ([]*KeptJob, error) {
	var found []*ActiveJob
	err := s.between(func() error {
		r := newRecovery(s)
		if err := r.run(); err != nil {
			return wrap("reading "+s.path, err)
		}
		found = r.out.Jobs
		return nil
	})
	if err != nil {
		return nil, err
	}
	var out []*KeptJob
	for _, a := range found {
		if a.ID <= after {
			continue
		}
		j := &KeptJob{ID: a.ID, UserID: a.UserID, Records: a.Fields}
		if j.Records == nil {
			j.Records = map[string][]byte{}
		}
		j.Records["eventlog"] = a.Events
		j.Streams, j.Err = s.keptStreams(a.ID)
		out = append(out, j)
	}
	return out, nil
}

// KeptFinished returns finished jobs with ids above after, by id: up to limit,
// fewer when they exceed some bytes. It blocks for the disk.
func (s *Store) KeptFinished(after uint64, limit, bytes int) ([]*KeptJob, error) {
	var ids []uint64
	err := s.reader("listing finished jobs", func(c *conn) error {
		return query(c, "SELECT id FROM goflux_job WHERE id > ? ORDER BY id LIMIT ?", func(st *stmt) bool {
			ids = append(ids, uint64(st.ColumnInt64(0)))
			return true
		}, int64(after), int64(limit))
	})
	if err != nil {
		return nil, err
	}
	var out []*KeptJob
	for _, id := range ids {
		j := &KeptJob{ID: id}
		switch f, err := s.FinishedJob(id); {
		case message.Errno(err) == syscall.ENOENT: // purged a moment ago
			continue
		case err != nil:
			j.Err = err
		default:
			j.UserID, j.Records = f.UserID, f.Records
			j.Streams, j.Err = s.keptStreams(id)
		}
		out = append(out, j)
		if bytes -= j.size(); bytes < 0 {
			break
		}
	}
	return out, nil
}

// keptStreams reads all streams of a job. Of a damaged one, what is before the
// damage is there.
func (s *Store) keptStreams(id uint64) (map[string][]byte, error) {
	names, err := s.StreamNames(id)
	if err != nil {
		return nil, err
	}
	var damage error
	out := map[string][]byte{}
	for _, n := range names {
		data := []byte{}
		for {
			piece, size, err := s.ReadStream(id, n, int64(len(data)), 0)
			if err != nil {
				damage = err
				break
			}
			data = append(data, piece...)
			if len(piece) == 0 || int64(len(data)) >= size {
				break
			}
		}
		out[n] = data
	}
	return out, damage
}

// ImportedJob is what [Batch.ImportJob] kept of a job.
type ImportedJob struct {
	ID   uint64
	Keys map[string][]byte
}

// Imports returns jobs with ids above after that were brought from elsewhere,
// by id: up to limit, fewer when they exceed some bytes. It blocks for the disk.
func (s *Store) Imports(after uint64, limit, bytes int) ([]ImportedJob, error) {
	jobs := map[uint64]ImportedJob{}
	var damage error
	err := s.reader("reading imported jobs", func(c *conn) error {
		last := uint64(0)
		return query(c, "SELECT id, name, data FROM goflux_import WHERE id > ? ORDER BY id", func(st *stmt) bool {
			id := uint64(st.ColumnInt64(0))
			if id != last && (len(jobs) >= limit || bytes < 0) {
				return false
			}
			last = id
			data, err := unpack(keyOf(int64(id), st.ColumnText(1)), columnBytes(st, 2))
			if err != nil {
				damage = err
				return false
			}
			if jobs[id].Keys == nil {
				jobs[id] = ImportedJob{id, map[string][]byte{}}
			}
			jobs[id].Keys[st.ColumnText(1)] = data
			bytes -= len(data)
			return true
		}, int64(after))
	})
	if err == nil {
		err = damage
	}
	if err != nil {
		return nil, err
	}
	out := make([]ImportedJob, 0, len(jobs))
	for _, j := range jobs {
		out = append(out, j)
	}
	sort.Slice(out, func(i, k int) bool { return out[i].ID < out[k].ID })
	return out, nil
}
