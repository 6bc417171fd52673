// SPDX-License-Identifier: LGPL-3.0-or-later

package rpc

import (
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/internal/message"
	"goflux/jobid"
)

// The content service (RFC 10). The payloads of load, store and validate, here
// and of content-backing, are raw: a blob, or the bytes of its hash.

// ContentRegister is content.register-backing and content.unregister-backing.
type ContentRegister struct {
	Name string `json:"name"`
}

// ContentStats answers content.stats-get: sizes in bytes.
type ContentStats struct {
	Count           int         `json:"count"`
	Valid           int         `json:"valid"`
	Dirty           int         `json:"dirty"`
	Size            int64       `json:"size"`
	FlushBatchCount int         `json:"flush-batch-count"`
	Mmap            ContentMmap `json:"mmap"`
}

// ContentMmap lists the files mapped into the content store, by tag.
type ContentMmap struct {
	Tags  map[string][]string `json:"tags"`
	Blobs int                 `json:"blobs"`
}

// ContentMmapAdd is content.mmap-add: the file at Path becomes part of the
// content store, in blobs of up to ChunkSize bytes (0: one).
type ContentMmapAdd struct {
	Path      string `json:"path"`
	ChunkSize int64  `json:"chunksize"`
	Tag       string `json:"tag"`
}

// ContentMmapRemove is content.mmap-remove: the files with the tag are part of
// the content store no more.
type ContentMmapRemove struct {
	Tag string `json:"tag"`
}

// CheckpointPut is content.checkpoint-put and content-backing.checkpoint-put.
type CheckpointPut struct {
	Value jsontext.Value `json:"value"`
}

// Document is the value as it is to be stored: compact. EPROTO, EINVAL.
func (r *CheckpointPut) Document() (jsontext.Value, error) {
	value := r.Value.Clone()
	if value == nil {
		return nil, message.Errorf(syscall.EPROTO, "checkpoint-put: no value")
	}
	if err := value.Compact(); err != nil {
		return nil, message.Errorf(syscall.EINVAL, "failed to encode checkpoint value")
	}
	return value, nil
}

// CheckpointGet answers content.checkpoint-get: newest first.
type CheckpointGet struct {
	Value []jsontext.Value `json:"value"`
}

// Checkpoint is a checkpoint of the primary KVS namespace. The timestamp is in
// seconds since the epoch.
type Checkpoint struct {
	Version   int     `json:"version"`
	Rootref   string  `json:"rootref"`
	Sequence  int     `json:"sequence"`
	Timestamp float64 `json:"timestamp"`
}

// ContentCommit is content.commit and content-backing.commit, which stay
// within the leader: blobs and the roots that refer to them, durable together
// or not at all.
type ContentCommit struct {
	Blobs []ContentBlob
	// Wait asks for the answer to come when it is durable, instead of when it
	// can be loaded.
	Wait bool
	// Checkpoint, unless nil, is the JSON of a new checkpoint. With Advance it
	// takes the place of the last one made with Advance.
	Checkpoint []byte
	Advance    bool
	// Sync refuses the commit (ENOSYS) when there is no backing store; without
	// it the blobs wait in memory for one.
	Sync bool
	// Roots are the roots of namespaces other than the primary one, by name,
	// as JSON; nil for one that has been removed.
	Roots map[string][]byte
}

// ContentBlob is a blob with the raw bytes of its hash.
type ContentBlob struct {
	Hash string
	Data []byte
}

// ContentRoots answers content-backing.roots-get, which stays within the
// leader: what [ContentCommit] Roots last said.
type ContentRoots struct {
	Roots map[string][]byte
}

// ContentJobsGet is content.jobs-get, which the leader answers: what is kept of
// jobs, a page at a time. Of is "active", "ended", or "put" for those that came
// by content.jobs-put and have not been taken over; "manager" asks for what is
// kept besides jobs. The page begins after the
// id After.
type ContentJobsGet struct {
	Of    string   `json:"of"`
	After jobid.ID `json:"after,omitzero"`
	// Brief leaves out the keys.
	Brief bool `json:"brief,omitzero"`
}

// ContentJobs answers ContentJobsGet, in ascending order of ids; without jobs
// when there are none left.
type ContentJobs struct {
	Jobs []ContentJob `json:"jobs"`
	// Manager is of "manager" what there is of it.
	Manager *JobCheckpoint `json:"manager,omitempty"`
}

// ContentJob is what is kept of a job, as RFC 16 has it in the KVS: Keys are
// below the job's directory.
type ContentJob struct {
	ID     jobid.ID          `json:"id"`
	UserID uint32            `json:"userid,omitzero"`
	Keys   map[string][]byte `json:"keys,omitzero"`
	// Guest is the blobref of a directory whose entries are below guest, too.
	Guest string `json:"guest,omitzero"`
	// Damage says what could not be read.
	Damage string `json:"damage,omitzero"`
}

// ContentJobsPut is content.jobs-put, which the leader answers: keys of jobs
// that the job services are to take over when they start.
type ContentJobsPut struct {
	Jobs    []ContentJob   `json:"jobs"`
	Manager *JobCheckpoint `json:"manager,omitempty"`
}

// ContentMark is content-backing.mark: hashes are blobrefs.
type ContentMark struct {
	Epoch  int64    `json:"epoch"`
	Hashes []string `json:"hashes"`
}

// ContentMarked answers ContentMark.
type ContentMarked struct {
	Marked int `json:"marked"`
}

// ContentSweep is content-backing.sweep.
type ContentSweep struct {
	Epoch     int64 `json:"epoch"`
	Cursor    int64 `json:"cursor"`
	HighWater int64 `json:"high_water"`
	DeleteCap int64 `json:"delete_cap"`
	Window    int64 `json:"window"`
}

// ContentSwept answers ContentSweep.
type ContentSwept struct {
	Deleted int64 `json:"deleted"`
	Cursor  int64 `json:"cursor"`
}

// ContentGCInfo is content-backing.gc-info.
type ContentGCInfo struct {
	Epoch    int64 `json:"epoch"`
	GetCount bool  `json:"get_count,omitzero"`
}

// ContentGCState answers ContentGCInfo.
type ContentGCState struct {
	CurrentEpoch int64  `json:"current_epoch"`
	HighWater    int64  `json:"high_water"`
	Candidates   *int64 `json:"candidates,omitzero"`
}

// ContentSqliteStats answers content-sqlite.stats-get: sizes in bytes, times
// in milliseconds.
type ContentSqliteStats struct {
	ObjectCount  int64               `json:"object_count"`
	CurrentEpoch int64               `json:"current_epoch"`
	DbfileSize   int64               `json:"dbfile_size"`
	DbfileFree   int64               `json:"dbfile_free"`
	LoadTime     Spread              `json:"load_time"`
	StoreTime    Spread              `json:"store_time"`
	Config       ContentSqliteConfig `json:"config"`
	Checkpoints  []StoredCheckpoint  `json:"checkpoints"`
}

// ContentSqliteConfig is how SQLite runs.
type ContentSqliteConfig struct {
	JournalMode string `json:"journal_mode"`
	Synchronous string `json:"synchronous"`
}

// StoredCheckpoint is a checkpoint with its id in the database.
type StoredCheckpoint struct {
	ID    int64          `json:"id"`
	Value jsontext.Value `json:"value"`
}

// ContentFilesStats answers content-files.stats-get.
type ContentFilesStats struct {
	ObjectCount int `json:"object_count"`
}

// Spread describes samples.
type Spread struct {
	Count  int     `json:"count"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Mean   float64 `json:"mean"`
	Stddev float64 `json:"stddev"`
}

// ContentChecked is the response of content-backing.check: what is damaged in
// the database itself, and what was at starts before.
type ContentChecked struct {
	Damage  []string        `json:"damage,omitempty"`
	Reports []ContentReport `json:"reports,omitempty"`
}

// ContentReport is what was found damaged, and mended, at a start.
type ContentReport struct {
	Time  string   `json:"time"` // RFC 3339, UTC
	Lines []string `json:"lines"`
}
