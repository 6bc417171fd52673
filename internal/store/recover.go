// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"bytes"
	"fmt"
	"slices"
	"sort"
)

// ActiveJob is a job that was active when the store was last written.
type ActiveJob struct {
	Job           // Fields as they were last set
	Events []byte // its event log so far
}

// Damage is something that was on disk and could not be read back.
type Damage struct {
	JobID uint64 // 0 when it is not a job's, or the job is not known
	What  string
	Err   error
}

func (d Damage) String() string {
	if d.JobID == 0 {
		return fmt.Sprintf("%s: %v", d.What, d.Err)
	}
	return fmt.Sprintf("job %d: %s: %v", d.JobID, d.What, d.Err)
}

// Recovered is what a restart finds.
type Recovered struct {
	Jobs    []*ActiveJob // by id
	Damaged []Damage
}

// Recover returns the active jobs that are on disk, and what was damaged. It is
// called by a service that begins, or begins anew after a commit has failed; it
// waits for what has been committed before.
func (s *Store) Recover() (*Recovered, error) {
	var out *Recovered
	err := s.between(func() error {
		s.jobsBroken = nil
		if out = s.recovered; out != nil { // Open has just read it
			s.recovered = nil
			return nil
		}
		r := newRecovery(s)
		if err := r.run(); err != nil {
			return wrap("reading "+s.path, err)
		}
		out = r.out
		return nil
	})
	return out, err
}

// recovery replays the folded records and the journal.
type recovery struct {
	s        *Store
	active   map[uint64]*activeJob
	jobs     map[uint64]*ActiveJob
	finished map[uint64]bool // what is missing of these does not matter
	state    counters
	out      *Recovered
}

func newRecovery(s *Store) *recovery {
	return &recovery{
		s: s, active: map[uint64]*activeJob{0: {}}, jobs: map[uint64]*ActiveJob{},
		finished: map[uint64]bool{}, out: &Recovered{},
	}
}

// loadState is called once, by Open.
func (s *Store) loadState() error {
	r := newRecovery(s)
	if err := r.run(); err != nil {
		return err
	}
	s.active, s.state, s.recovered = r.active, r.state, r.out
	return query(s.write, "SELECT MAX(id) FROM checkpt_v2", func(st *stmt) bool {
		s.state.epoch = st.ColumnInt64(0) // 0 for NULL
		return false
	})
}

func (r *recovery) run() error {
	if err := r.loadChunkEnds("SELECT id, name, MIN(offset), MAX(offset+size) FROM goflux_chunk WHERE id = 0 GROUP BY name"); err != nil {
		return err
	}
	err := query(r.s.write, "SELECT id, seq, data FROM goflux_active ORDER BY id, seq", func(st *stmt) bool {
		id, seq := st.ColumnInt64(0), st.ColumnInt64(1)
		r.state.seq = max(r.state.seq, seq)
		r.replay(keyOf(id, seq), columnBytes(st, 2), true)
		return true
	})
	if err != nil {
		return err
	}
	last := int64(0)
	err = query(r.s.write, "SELECT seq, data FROM goflux_journal ORDER BY seq", func(st *stmt) bool {
		b, seq := columnBytes(st, 1), st.ColumnInt64(0)
		if last != 0 && seq != last+1 {
			r.damaged(0, "journal", damaged("rows %d to %d are missing", last+1, seq-1))
		}
		last = seq
		r.state.seq = max(r.state.seq, seq)
		r.state.journalBytes += journalCost(b)
		r.replay(keyOf(seq), b, false)
		return true
	})
	r.finish()
	return err
}

// loadChunkEnds notes where the chunks of streams begin and end.
func (r *recovery) loadChunkEnds(q string, args ...any) error {
	return query(r.s.write, q, func(st *stmt) bool {
		j := r.active[uint64(st.ColumnInt64(0))]
		if j.streams == nil {
			j.streams = map[string]tail{}
		}
		j.streams[st.ColumnText(1)] = tail{start: st.ColumnInt64(2), base: st.ColumnInt64(3)}
		return true
	}, args...)
}

func (r *recovery) damaged(id uint64, what string, err error) {
	r.out.Damaged = append(r.out.Damaged, Damage{id, what, err})
}

func (r *recovery) replay(key uint32, row []byte, folded bool) {
	err := decodeRow(key, row, func(rec record, err error) {
		if err == nil {
			err = r.apply(rec, folded)
		}
		if err != nil {
			r.damaged(rec.id, rec.kind.String(), err)
		}
	})
	if err != nil {
		r.damaged(0, "journal row", err)
	}
}

func (r *recovery) apply(rec record, folded bool) error {
	switch rec.kind {
	case recordJob:
		return r.newJob(rec, folded)
	case recordDone:
		delete(r.jobs, rec.id)
		delete(r.active, rec.id)
		r.finished[rec.id] = true
		return nil
	case recordStream:
		return r.stream(rec)
	}
	j := r.jobs[rec.id]
	if j == nil {
		return damaged("the record of the job itself is missing")
	}
	r.active[rec.id].folded = r.active[rec.id].folded || folded
	switch rec.kind {
	case recordEvents:
		j.Events = append(j.Events, rec.data...)
	case recordField:
		d := decoder{b: rec.data}
		name := string(d.blob())
		if d.bad {
			return damaged("field is cut short")
		}
		j.Fields[name] = d.b
	default:
		return damaged("unknown kind")
	}
	return nil
}

func (r *recovery) newJob(rec record, folded bool) error {
	j, err := decodeJob(rec.id, rec.data)
	if err != nil {
		return err
	}
	r.jobs[rec.id] = &ActiveJob{Job: *j}
	r.active[rec.id] = &activeJob{folded: folded}
	return r.loadChunkEnds("SELECT id, name, MIN(offset), MAX(offset+size) FROM goflux_chunk WHERE id = ? GROUP BY name", int64(rec.id))
}

// stream appends a journaled piece to its tail, unless a chunk has it. Where a
// piece is lost, newlines keep the offsets of what follows.
func (r *recovery) stream(rec record) error {
	name, offset, data, err := decodeStream(rec.data)
	if err != nil {
		return err
	}
	j := r.active[rec.id]
	if j == nil {
		return damaged("the record of the job itself is missing")
	}
	l := j.streams[name]
	if offset < l.base {
		return nil
	}
	gap := offset - l.end()
	if gap < 0 {
		return damaged("stream %s goes back to %d", name, offset)
	}
	if gap > tailLimit {
		return damaged("stream %s misses %d bytes", name, gap)
	}
	l.data = append(l.data, bytes.Repeat([]byte("\n"), int(gap))...)
	l.data = append(l.data, data...)
	l.journaled = len(l.data)
	if j.streams == nil {
		j.streams = map[string]tail{}
	}
	j.streams[name] = l
	if gap > 0 {
		return damaged("stream %s misses %d bytes", name, gap)
	}
	return nil
}

// finish drops the reports on jobs that turned out to be finished: the older
// records of a long job leave the journal before its younger ones.
func (r *recovery) finish() {
	r.out.Damaged = slices.DeleteFunc(r.out.Damaged, func(d Damage) bool { return r.finished[d.JobID] })
	for _, j := range r.jobs {
		r.out.Jobs = append(r.out.Jobs, j)
	}
	sort.Slice(r.out.Jobs, func(i, k int) bool { return r.out.Jobs[i].ID < r.out.Jobs[k].ID })
}
