// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"encoding/binary"
	"math"
	"sort"
)

// Job is what is recorded of a job when it is accepted.
type Job struct {
	ID      uint64
	UserID  uint32
	Urgency int
	Flags   int
	TSubmit float64 // seconds since the epoch
	// Fields are the job's documents by name: jobspec, J. More are added by
	// [Batch.SetField].
	Fields map[string][]byte
}

// FinishedJob is the row of a job that has become inactive.
type FinishedJob struct {
	ID        uint64
	UserID    uint32
	Result    int     // as RFC 21 numbers results: 1 completed, 2 failed, 4 canceled, 8 timeout
	TInactive float64 // seconds since the epoch; rows are ordered by it
	Name      string
	Queue     string
	// Info is what listing needs beyond the columns, in the caller's encoding.
	Info []byte
	// Records are the job's documents by name: eventlog, jobspec, J, R and
	// whatever else the caller keeps. Listings leave them out.
	Records map[string][]byte
}

func encodeJob(j *Job) []byte {
	b := binary.AppendUvarint(nil, uint64(j.UserID))
	b = binary.AppendVarint(b, int64(j.Urgency))
	b = binary.AppendVarint(b, int64(j.Flags))
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(j.TSubmit))
	return appendBlobs(b, j.Fields)
}

func decodeJob(id uint64, b []byte) (*Job, error) {
	d := decoder{b: b}
	j := &Job{ID: id, UserID: uint32(d.uvarint())}
	j.Urgency = int(d.varint())
	j.Flags = int(d.varint())
	j.TSubmit = math.Float64frombits(d.uint64())
	j.Fields = d.blobs()
	if d.bad {
		return nil, damaged("job record is cut short")
	}
	return j, nil
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

// appendBlobs appends named blobs, sorted by name.
func appendBlobs(b []byte, m map[string][]byte) []byte {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	b = binary.AppendUvarint(b, uint64(len(names)))
	for _, n := range names {
		b = appendBlob(b, n)
		b = appendBlob(b, m[n])
	}
	return b
}

func (d *decoder) blobs() map[string][]byte {
	m := map[string][]byte{}
	for n := d.uvarint(); n > 0 && !d.bad; n-- {
		name := string(d.blob())
		m[name] = d.blob()
	}
	return m
}
