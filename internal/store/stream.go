// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"bytes"
	"encoding/binary"
	"sort"
	"syscall"

	"goflux/internal/message"
)

// streamKey names an appended stream; id 0 is the instance.
type streamKey struct {
	id   uint64
	name string
}

// tail is the end of a stream that has no chunk rows yet. Offsets count from
// the stream's first byte ever; ReplaceStream moves start.
type tail struct {
	start     int64
	base      int64 // offset of data[0]; what is before it is in chunks
	data      []byte
	journaled int // how much of data is in the journal
}

func (l tail) end() int64 { return l.base + int64(len(l.data)) }

// tailLimit is how much of a stream waits in memory and journal. The output
// and exec event log of most jobs stay below it: they never become rows of
// their own but part of the finished job's.
const tailLimit = 4096

func encodeStream(name string, offset int64, data []byte) []byte {
	b := appendBlob(nil, name)
	b = binary.AppendUvarint(b, uint64(offset))
	return append(b, data...)
}

func decodeStream(b []byte) (name string, offset int64, data []byte, err error) {
	d := decoder{b: b}
	name = string(d.blob())
	offset = int64(d.uvarint())
	if d.bad {
		return "", 0, nil, damaged("stream record is cut short")
	}
	return name, offset, d.b, nil
}

func (t *txn) appendStream(id uint64, name string, data []byte) error {
	j, err := t.job(id)
	if err != nil {
		return err
	}
	if j.streams == nil {
		j.streams = map[string]tail{}
	}
	l := j.streams[name]
	l.data = append(l.data, data...)
	j.streams[name] = l
	t.touched[streamKey{id, name}] = struct{}{}
	return nil
}

func (t *txn) replaceStream(id uint64, name string, data []byte) error {
	j, err := t.job(id)
	if err != nil {
		return err
	}
	if j.streams == nil {
		j.streams = map[string]tail{}
	}
	if err := t.exec("DELETE FROM goflux_chunk WHERE id = ? AND name = ?", int64(id), name); err != nil {
		return err
	}
	end := j.streams[name].end()
	j.streams[name] = tail{start: end, base: end, data: bytes.Clone(data)}
	return t.flushStream(streamKey{id, name}) // so that older journal records count no more
}

// writeStreams writes what was appended: to a chunk when there is much, else
// to the journal.
func (t *txn) writeStreams() error {
	keys := make([]streamKey, 0, len(t.touched))
	for k := range t.touched {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool {
		return keys[i].id < keys[j].id || keys[i].id == keys[j].id && keys[i].name < keys[j].name
	})
	for _, k := range keys {
		j := t.look(k.id)
		if j == nil {
			continue // finished in this group: the row has it
		}
		l := j.streams[k.name]
		if len(l.data) >= tailLimit {
			if err := t.flushStream(k); err != nil {
				return err
			}
			continue
		}
		if l.journaled == len(l.data) {
			continue // flushed by ReplaceStream
		}
		t.records = append(t.records, record{recordStream, k.id,
			encodeStream(k.name, l.base+int64(l.journaled), l.data[l.journaled:])})
		l.journaled = len(l.data)
		j.streams[k.name] = l
	}
	return nil
}

// flushStream writes a stream's tail as a chunk, even an empty one: the end of
// the chunks tells which journal records count.
func (t *txn) flushStream(k streamKey) error {
	j, err := t.job(k.id)
	if err != nil {
		return err
	}
	l := j.streams[k.name]
	err = t.exec("INSERT INTO goflux_chunk(id,name,offset,size,data) VALUES (?,?,?,?,?)",
		int64(k.id), k.name, l.base, int64(len(l.data)), pack(keyOf(int64(k.id), k.name, l.base, int64(len(l.data))), l.data))
	j.streams[k.name] = tail{start: l.start, base: l.end()}
	return err
}

// encodeRecords encodes a finished job's records, and the tails of its streams.
func encodeRecords(records map[string][]byte, streams map[string]tail) []byte {
	b := appendBlobs(nil, records)
	names := make([]string, 0, len(streams))
	for n := range streams {
		names = append(names, n)
	}
	sort.Strings(names)
	b = binary.AppendUvarint(b, uint64(len(names)))
	for _, n := range names {
		l := streams[n]
		b = appendBlob(b, n)
		b = binary.AppendUvarint(b, uint64(l.start))
		b = binary.AppendUvarint(b, uint64(l.base))
		b = appendBlob(b, l.data)
	}
	return b
}

func decodeRecords(b []byte) (map[string][]byte, map[string]tail, error) {
	d := decoder{b: b}
	records := d.blobs()
	streams := map[string]tail{}
	for n := d.uvarint(); n > 0 && !d.bad; n-- {
		name := string(d.blob())
		streams[name] = tail{start: int64(d.uvarint()), base: int64(d.uvarint()), data: d.blob()}
	}
	if d.bad {
		return nil, nil, damaged("job records are cut short")
	}
	return records, streams, nil
}

// ReadStream returns up to max bytes (0 for what one piece holds) of a stream
// from offset on, and the stream's size. At the end it returns no data. ENOENT
// for a job or stream that is not there. It blocks for the disk.
func (s *Store) ReadStream(id uint64, name string, offset int64, max int) (data []byte, size int64, err error) {
	l, ok, err := s.streamTail(id, name)
	if err != nil {
		return nil, 0, err
	}
	if !ok {
		return nil, 0, message.Errorf(syscall.ENOENT, "job %d has no stream %s", id, name)
	}
	size = l.end() - l.start
	at := l.start + offset
	switch {
	case offset < 0:
		return nil, size, message.Errorf(syscall.EINVAL, "reading stream %s at %d", name, offset)
	case at >= l.end():
		return nil, size, nil
	case at >= l.base:
		data = bytes.Clone(l.data[at-l.base:])
	default:
		if data, err = s.readChunk(streamKey{id, name}, at); err != nil {
			return nil, size, err
		}
	}
	if max > 0 && len(data) > max {
		data = data[:max]
	}
	return data, size, nil
}

// StreamSize is how many bytes a stream of an active job has, 0 when there is no
// such stream. It does not block.
func (s *Store) StreamSize(id uint64, name string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.active[id]
	if j == nil {
		return 0
	}
	l := j.streams[name]
	return l.end() - l.start
}

func (s *Store) streamTail(id uint64, name string) (tail, bool, error) {
	s.mu.Lock()
	if j := s.active[id]; j != nil {
		l, ok := j.streams[name]
		s.mu.Unlock()
		return l, ok, nil
	}
	s.mu.Unlock()
	_, streams, err := s.finishedRecords(id)
	if err != nil {
		return tail{}, false, err
	}
	l, ok := streams[name]
	return l, ok, nil
}

// readChunk returns the bytes of the chunk that holds offset at, from it on.
func (s *Store) readChunk(k streamKey, at int64) (data []byte, err error) {
	found := false
	rerr := s.reader("reading a stream", func(c *conn) error {
		return query(c, "SELECT offset, size, data FROM goflux_chunk WHERE id = ? AND name = ? AND offset <= ? ORDER BY offset DESC LIMIT 1",
			func(st *stmt) bool {
				found = true
				start := st.ColumnInt64(0)
				if data, err = unpack(keyOf(int64(k.id), k.name, start, st.ColumnInt64(1)), columnBytes(st, 2)); err != nil {
					return false
				}
				skip := at - start
				if skip > int64(len(data)) {
					err = damaged("stream %s of job %d misses bytes at %d", k.name, k.id, at)
					return false
				}
				data = data[skip:]
				return false
			}, int64(k.id), k.name, at)
	})
	switch {
	case rerr != nil:
		return nil, rerr
	case err != nil:
		return nil, err
	case !found:
		return nil, damaged("stream %s of job %d misses bytes at %d", k.name, k.id, at)
	}
	return data, nil
}

// StreamNames lists the streams of a job, sorted.
func (s *Store) StreamNames(id uint64) ([]string, error) {
	var streams map[string]tail
	s.mu.Lock()
	j := s.active[id]
	if j != nil {
		streams = j.streams // never changed in place
	}
	s.mu.Unlock()
	if j == nil {
		var err error
		if _, streams, err = s.finishedRecords(id); err != nil {
			return nil, err
		}
	}
	names := make([]string, 0, len(streams))
	for n := range streams {
		names = append(names, n)
	}
	sort.Strings(names)
	return names, nil
}
