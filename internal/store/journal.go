// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"encoding/binary"
	"fmt"
)

// A journal row holds the records of one group commit:
//
//	version byte, count of records,
//	for each: kind byte, id, length, checksum of the payload (4 bytes)
//	checksum of all of the above and of the row's key (4 bytes)
//	payloads
//
// Integers are uvarints unless said otherwise. The head has a checksum of its
// own, so a damaged payload costs one record whose job is still known.

const journalVersion = 2

type recordKind byte

const (
	recordJob    recordKind = 1 // a new job: encodeJob
	recordEvents recordKind = 2 // eventlog lines
	recordField  recordKind = 3 // name, value
	recordStream recordKind = 4 // name, offset, data
	recordDone   recordKind = 5 // the job is finished: it has its row
)

func (k recordKind) String() string {
	switch k {
	case recordJob:
		return "job"
	case recordEvents:
		return "events"
	case recordField:
		return "field"
	case recordStream:
		return "stream"
	case recordDone:
		return "done"
	}
	return fmt.Sprintf("kind %d", byte(k))
}

// record is one journal record. id is the job, 0 for the instance.
type record struct {
	kind recordKind
	id   uint64
	data []byte
}

// encodeRow encodes the records of a row, whose other columns are key.
func encodeRow(key uint32, recs []record) []byte {
	size := 16
	for i := range recs {
		size += 20 + len(recs[i].data)
	}
	b := make([]byte, 0, size)
	b = append(b, journalVersion)
	b = binary.AppendUvarint(b, uint64(len(recs)))
	for i := range recs {
		r := &recs[i]
		b = append(b, byte(r.kind))
		b = binary.AppendUvarint(b, r.id)
		b = binary.AppendUvarint(b, uint64(len(r.data)))
		b = binary.BigEndian.AppendUint32(b, checksum(r.data))
	}
	b = binary.BigEndian.AppendUint32(b, keyed(key, b))
	for i := range recs {
		b = append(b, recs[i].data...)
	}
	return b
}

// decodeRow calls fn for each record of a row, with an error for a payload that
// does not match its checksum. An unreadable head fails the row.
func decodeRow(key uint32, b []byte, fn func(r record, err error)) error {
	type head struct {
		record
		size uint64
		sum  uint32
	}
	d := decoder{b: b}
	if v := d.byte(); v != journalVersion && !d.bad {
		return damaged("journal row has version %d", v)
	}
	n := d.uvarint()
	if n > uint64(len(b)) { // each record takes more than a byte
		return damaged("journal row of %d bytes claims %d records", len(b), n)
	}
	heads := make([]head, 0, n)
	for i := uint64(0); i < n && !d.bad; i++ {
		var h head
		h.kind = recordKind(d.byte())
		h.id = d.uvarint()
		h.size = d.uvarint()
		h.sum = d.uint32()
		heads = append(heads, h)
	}
	if covered := len(b) - len(d.b); d.uint32() != keyed(key, b[:covered]) || d.bad {
		return damaged("journal row head does not match its checksum")
	}
	for i := range heads {
		h := &heads[i]
		h.data = d.bytes(h.size)
		switch {
		case d.bad:
			fn(h.record, damaged("journal row is cut short"))
		case checksum(h.data) != h.sum:
			fn(h.record, damaged("checksum does not match"))
		default:
			fn(h.record, nil)
		}
	}
	return nil
}

// decoder reads fields; after the first that is not there, bad is set and the
// rest are zero.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) fail() { d.bad, d.b = true, nil }

func (d *decoder) byte() byte {
	if len(d.b) < 1 {
		d.fail()
		return 0
	}
	c := d.b[0]
	d.b = d.b[1:]
	return c
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) uint32() uint32 {
	if len(d.b) < 4 {
		d.fail()
		return 0
	}
	v := binary.BigEndian.Uint32(d.b)
	d.b = d.b[4:]
	return v
}

func (d *decoder) uint64() uint64 { hi := d.uint32(); return uint64(hi)<<32 | uint64(d.uint32()) }

func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

// blob is bytes with their length before them.
func (d *decoder) blob() []byte { return d.bytes(d.uvarint()) }

func appendBlob[T string | []byte](b []byte, v T) []byte {
	b = binary.AppendUvarint(b, uint64(len(v)))
	return append(b, v...)
}
