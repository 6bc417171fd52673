// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"maps"
	"sort"
	"syscall"

	"goflux/internal/message"
)

// txn is one transaction: what it will change in memory is staged here and
// published when it is durable.
type txn struct {
	s        *Store
	counters                        // as they will be
	records  []record               // for the journal
	jobs     map[uint64]*activeJob  // changed jobs; nil for one that is gone
	touched  map[streamKey]struct{} // streams appended to
	meta     map[string][]byte
	tally    map[tallyKey]int64
	forgot   bool // all jobs
}

type tallyKey struct {
	queue  string
	result int
}

// activeJob is what the store knows of an active job: not its documents.
type activeJob struct {
	folded  bool // it has rows in goflux_active
	streams map[string]tail
}

func newTxn(s *Store) *txn {
	return &txn{
		s: s, counters: s.state,
		jobs:    map[uint64]*activeJob{},
		touched: map[streamKey]struct{}{},
		meta:    map[string][]byte{},
		tally:   map[tallyKey]int64{},
	}
}

// run applies a group and commits it.
func (t *txn) run(group []commit) error {
	if err := t.s.hook("begin"); err != nil {
		return err
	}
	if err := exec(t.s.write, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for _, c := range group {
		for _, apply := range c.batch.ops {
			if err := apply(t); err != nil {
				return err
			}
		}
	}
	for _, finish := range []func() error{t.writeStreams, t.writeJournal, t.foldJournal, t.writeMeta, t.writeTally} {
		if err := finish(); err != nil {
			return err
		}
	}
	if err := t.s.hook("commit"); err != nil {
		return err
	}
	if err := exec(t.s.write, "COMMIT"); err != nil {
		return err
	}
	_ = t.s.hook("synced") // what is durable cannot fail any more
	return nil
}

// publish makes the staged state the store's.
func (t *txn) publish() {
	for id, j := range t.jobs {
		if j == nil {
			delete(t.s.active, id)
		} else {
			t.s.active[id] = j
		}
	}
	t.s.state = t.counters
	if t.forgot {
		t.s.recovered = &Recovered{}
	}
}

func (t *txn) exec(query string, args ...any) error { return exec(t.s.write, query, args...) }

// look returns the job as staged, or nil.
func (t *txn) look(id uint64) *activeJob {
	if j, ok := t.jobs[id]; ok {
		return j
	}
	return t.s.active[id]
}

// job returns the job for changing it.
func (t *txn) job(id uint64) (*activeJob, error) {
	if j, ok := t.jobs[id]; ok && j != nil {
		return j, nil
	}
	j := t.look(id)
	if j == nil {
		return nil, message.Errorf(syscall.ENOENT, "job %d is not active", id)
	}
	c := &activeJob{folded: j.folded, streams: maps.Clone(j.streams)}
	t.jobs[id] = c
	return c, nil
}

func (t *txn) putJob(j *Job) error {
	if j.ID == 0 || t.look(j.ID) != nil {
		return message.Errorf(syscall.EEXIST, "job %d exists", j.ID)
	}
	t.jobs[j.ID] = &activeJob{}
	t.records = append(t.records, record{recordJob, j.ID, encodeJob(j)})
	return nil
}

func (t *txn) appendEvents(id uint64, lines []byte) error {
	if id == 0 || t.look(id) == nil {
		return message.Errorf(syscall.ENOENT, "job %d is not active", id)
	}
	t.records = append(t.records, record{recordEvents, id, lines})
	return nil
}

func (t *txn) setField(id uint64, name string, value []byte) error {
	if id == 0 || t.look(id) == nil {
		return message.Errorf(syscall.ENOENT, "job %d is not active", id)
	}
	t.records = append(t.records, record{recordField, id, append(appendBlob(nil, name), value...)})
	return nil
}

// endJob takes an active job out of memory, journal and goflux_active.
func (t *txn) endJob(id uint64) (*activeJob, error) {
	j := t.look(id)
	if id == 0 || j == nil {
		return nil, message.Errorf(syscall.ENOENT, "job %d is not active", id)
	}
	t.jobs[id] = nil
	t.records = append(t.records, record{recordDone, id, nil})
	if j.folded {
		return j, t.exec("DELETE FROM goflux_active WHERE id = ?", int64(id))
	}
	return j, nil
}

func (t *txn) finishJob(f *FinishedJob) error {
	j, err := t.endJob(f.ID)
	if err != nil {
		return err
	}
	t.tally[tallyKey{f.Queue, f.Result}]++
	return t.exec("INSERT INTO goflux_job(id,userid,result,t_inactive,name,queue,info,records) VALUES (?,?,?,?,?,?,?,?)",
		int64(f.ID), int64(f.UserID), int64(f.Result), f.TInactive, f.Name, f.Queue,
		pack(f.key(), f.Info), pack(f.key(), encodeRecords(f.Records, j.streams)))
}

func (t *txn) dropJob(id uint64) error {
	if _, err := t.endJob(id); err != nil {
		return err
	}
	return t.exec("DELETE FROM goflux_chunk WHERE id = ?", int64(id))
}

func (t *txn) purgeJobs(ids []uint64) error {
	for _, id := range ids {
		var key tallyKey
		found := false
		err := query(t.s.write, "SELECT queue, result FROM goflux_job WHERE id = ?", func(st *stmt) bool {
			key, found = tallyKey{st.ColumnText(0), st.ColumnInt(1)}, true
			return false
		}, int64(id))
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		t.tally[key]--
		for _, q := range []string{"DELETE FROM goflux_job WHERE id = ?", "DELETE FROM goflux_chunk WHERE id = ?"} {
			if err := t.exec(q, int64(id)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *txn) setMeta(key string, value []byte) error {
	t.meta[key] = value
	return nil
}

func (t *txn) writeMeta() error {
	for key, value := range t.meta {
		var err error
		if value == nil {
			err = t.exec("DELETE FROM goflux_meta WHERE key = ?", key)
		} else {
			err = t.exec("INSERT INTO goflux_meta(key,value) VALUES (?,?) ON CONFLICT(key) DO UPDATE SET value = excluded.value", key, sealMeta(key, value))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *txn) writeTally() error {
	for k, n := range t.tally {
		if n == 0 {
			continue
		}
		err := t.exec("INSERT INTO goflux_tally(queue,result,n) VALUES (?,?,?) ON CONFLICT(queue,result) DO UPDATE SET n = n + excluded.n",
			k.queue, int64(k.result), n)
		if err != nil {
			return err
		}
	}
	return nil
}

// writeJournal writes the group's records as one row. Where there is a seal,
// each transaction has a row, if an empty one: its number is what is sealed.
func (t *txn) writeJournal() error {
	if len(t.records) == 0 && t.s.guard == nil {
		return nil
	}
	t.seq++
	row := encodeRow(keyOf(t.seq), t.records)
	t.journalBytes += journalCost(row)
	return t.exec("INSERT INTO goflux_journal(seq,data) VALUES (?,?)", t.seq, row)
}

// journalCost is what a row counts against journalLimit: an empty one takes
// time to read, too.
func journalCost(row []byte) int64 { return int64(len(row)) + 64 }

// journalLimit is the size of the journal above which it is folded: what a
// restart has to read besides the active jobs, some 10 ms.
const journalLimit = 2 << 20

// foldRows is how many of the oldest rows one transaction folds: each commit
// adds one, so the journal shrinks, and none takes long.
const foldRows = 8

// foldJournal drops the oldest journal rows, once the journal is large: their
// records of jobs that are still active go to tables.
func (t *txn) foldJournal() error {
	if t.journalBytes <= journalLimit {
		return nil
	}
	type row struct {
		seq  int64
		data []byte
	}
	var rows []row
	err := query(t.s.write, "SELECT seq, data FROM goflux_journal WHERE seq < ? ORDER BY seq LIMIT ?", func(st *stmt) bool {
		rows = append(rows, row{st.ColumnInt64(0), columnBytes(st, 1)})
		return true
	}, t.seq, int64(foldRows)) // the newest stays: its number goes on
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := t.foldRow(r.seq, r.data); err != nil {
			return err
		}
		t.journalBytes -= journalCost(r.data)
		if err := t.exec("DELETE FROM goflux_journal WHERE seq = ?", r.seq); err != nil {
			return err
		}
	}
	return nil
}

// foldRow keeps what is needed of a journal row. What does not match its
// checksum was lost on disk; it is dropped, as it would be at a restart.
func (t *txn) foldRow(seq int64, data []byte) error {
	keep := map[uint64][]record{}
	var flush []streamKey
	_ = decodeRow(keyOf(seq), data, func(r record, err error) {
		j := t.look(r.id)
		if err != nil || j == nil {
			return
		}
		switch r.kind {
		case recordJob, recordEvents, recordField:
			keep[r.id] = append(keep[r.id], r)
		case recordStream:
			if name, offset, _, err := decodeStream(r.data); err == nil && offset >= j.streams[name].base {
				flush = append(flush, streamKey{r.id, name})
			}
		}
	})
	for _, k := range flush {
		if err := t.flushStream(k); err != nil {
			return err
		}
	}
	ids := make([]uint64, 0, len(keep))
	for id := range keep {
		ids = append(ids, id)
	}
	sort.Slice(ids, func(i, j int) bool { return ids[i] < ids[j] })
	for _, id := range ids {
		j, err := t.job(id)
		if err != nil {
			return err
		}
		j.folded = true
		if err := t.exec("INSERT INTO goflux_active(id,seq,data) VALUES (?,?,?)", int64(id), seq, encodeRow(keyOf(int64(id), seq), keep[id])); err != nil {
			return err
		}
	}
	return nil
}
