// SPDX-License-Identifier: LGPL-3.0-or-later

package store

// Batch is a list of changes that become durable together or not at all. Its
// methods record; nothing happens before [Store.Commit]. What is handed to it
// must not be changed until the commit is done.
type Batch struct {
	ops  []func(t *txn) error
	jobs bool // changes active jobs: see Store.Commit
	// content is set when it brings objects, which may be refused.
	content bool
	// patient says that nobody waits for it.
	patient bool
}

func (b *Batch) add(fn func(t *txn) error) { b.ops = append(b.ops, fn) }

func (b *Batch) addJob(fn func(t *txn) error) {
	b.jobs = true
	b.add(fn)
}

// MayWait says that nobody waits for the batch: it is written with the next one
// that is waited for, or after [Patience].
func (b *Batch) MayWait() { b.patient = true }

// Empty reports whether nothing has been recorded.
func (b *Batch) Empty() bool { return len(b.ops) == 0 }

// Len is the number of changes recorded.
func (b *Batch) Len() int { return len(b.ops) }

// PutJob records a new job. EEXIST when it is known already.
func (b *Batch) PutJob(j *Job) { b.addJob(func(t *txn) error { return t.putJob(j) }) }

// AppendEvents appends lines to the event log of active job id. ENOENT when
// there is none.
func (b *Batch) AppendEvents(id uint64, lines []byte) {
	b.addJob(func(t *txn) error { return t.appendEvents(id, lines) })
}

// SetField sets a document of active job id, such as R or an updated jobspec.
func (b *Batch) SetField(id uint64, name string, value []byte) {
	b.addJob(func(t *txn) error { return t.setField(id, name, value) })
}

// AppendStream appends data to a stream of active job id: exec event log,
// output, input. Id 0 is the instance: its streams are logs such as
// resource.eventlog.
func (b *Batch) AppendStream(id uint64, name string, data []byte) {
	b.add(func(t *txn) error { return t.appendStream(id, name, data) })
}

// ReplaceStream makes data the whole of a stream, which is how a log is
// compacted.
func (b *Batch) ReplaceStream(id uint64, name string, data []byte) {
	b.add(func(t *txn) error { return t.replaceStream(id, name, data) })
}

// FinishJob moves an active job to its finished row. The caller hands over all
// records to be kept; streams stay as they are.
func (b *Batch) FinishJob(f *FinishedJob) { b.addJob(func(t *txn) error { return t.finishJob(f) }) }

// DropJob forgets an active job without a trace: one that was refused after it
// had been put.
func (b *Batch) DropJob(id uint64) { b.addJob(func(t *txn) error { return t.dropJob(id) }) }

// PurgeJobs forgets finished jobs with all their streams. Unknown ids are
// ignored.
func (b *Batch) PurgeJobs(ids ...uint64) { b.add(func(t *txn) error { return t.purgeJobs(ids) }) }

// ImportJob keeps a key of a job of another instance until the job services
// take it over (see [Store.Imports]). A key that is there already is replaced.
func (b *Batch) ImportJob(id uint64, name string, data []byte) {
	b.content = true
	b.add(func(t *txn) error {
		return t.exec("INSERT INTO goflux_import(id,name,data) VALUES (?,?,?) ON CONFLICT(id,name) DO UPDATE SET data = excluded.data",
			int64(id), name, pack(keyOf(int64(id), name), data))
	})
}

// DropImport forgets what [Batch.ImportJob] kept of a job.
func (b *Batch) DropImport(id uint64) {
	b.add(func(t *txn) error { return t.exec("DELETE FROM goflux_import WHERE id = ?", int64(id)) })
}

// SetMeta sets a value of the instance: queue state, the job id high-water
// mark. A nil value deletes the key.
func (b *Batch) SetMeta(key string, value []byte) {
	b.add(func(t *txn) error { return t.setMeta(key, value) })
}

// PutObject stores a content object under its raw hash (RFC 10).
func (b *Batch) PutObject(hash string, data []byte) {
	b.content = true
	b.add(func(t *txn) error { return t.putObject(hash, data) })
}

// PutCheckpoint records value, a JSON object (RFC 11), as the newest
// checkpoint. With replace it takes the place of the newest one made with
// replace since the last without: a root that advances with each commit does
// not push out the older checkpoints.
func (b *Batch) PutCheckpoint(value []byte, replace bool) {
	b.add(func(t *txn) error { return t.putCheckpoint(string(value), replace) })
}

// MarkObjects raises the epoch of objects to at least epoch (garbage
// collection); *marked is how many were there, valid when the commit is done.
func (b *Batch) MarkObjects(epoch int64, hashes []string, marked *int) {
	b.add(func(t *txn) error { return t.markObjects(epoch, hashes, marked) })
}

// SweepObjects deletes objects, see [Sweep]. *out is valid when the commit is
// done.
func (b *Batch) SweepObjects(s Sweep, out *SweepResult) {
	b.add(func(t *txn) error { return t.sweepObjects(s, out) })
}

// Truncate deletes all content objects and checkpoints, and all jobs unless
// [Store.Recover] has been called: those are in a service's hands.
func (b *Batch) Truncate() { b.add(func(t *txn) error { return t.truncate() }) }
