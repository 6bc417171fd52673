// SPDX-License-Identifier: LGPL-3.0-or-later

package content

import (
	"context"
	"os"
	"syscall"

	"goflux/internal/fileref"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/treeobj"
)

// Files on the leader's node can be mapped: their blobs are read from the file
// when they are asked for, not copied. The pages are not mapped into the
// broker's memory, in spite of the name: a file that is cut short would kill
// it. What is read is checked against its hash, so a file that changes turns
// into errors, never into wrong data. Blobs of mapped files do not enter the
// leader's cache, where they would pass for stored.

// mappedFiles are the mapped files.
type mappedFiles struct {
	tags  map[string][]*mappedFile
	blobs map[string]place // by hash
}

// mappedFile is one of them.
type mappedFile struct {
	path    string
	regions []fileref.Region
}

// place is where a blob is.
type place struct {
	path         string
	offset, size int64
}

func newMappedFiles() mappedFiles {
	return mappedFiles{tags: map[string][]*mappedFile{}, blobs: map[string]place{}}
}

func (m *mappedFiles) add(tag string, f *mappedFile) {
	m.tags[tag] = append(m.tags[tag], f)
	m.index(f)
}

func (m *mappedFiles) index(f *mappedFile) {
	for _, r := range f.regions {
		if _, digest, err := treeobj.ParseBlobref(r.Ref); err == nil { // it is ours
			m.blobs[string(digest)] = place{f.path, r.Offset, r.Size}
		}
	}
}

// remove forgets the files of a tag. A blob that another file has too is found
// there from now on.
func (m *mappedFiles) remove(tag string) {
	delete(m.tags, tag)
	clear(m.blobs)
	for _, files := range m.tags {
		for _, f := range files {
			m.index(f)
		}
	}
}

func (m *mappedFiles) stats() rpc.ContentMmap {
	out := rpc.ContentMmap{Tags: map[string][]string{}, Blobs: len(m.blobs)}
	for tag, files := range m.tags {
		for _, f := range files {
			out.Tags[tag] = append(out.Tags[tag], f.path)
		}
	}
	return out
}

func (s *content) mmapAdd(c *service.Call, r *rpc.ContentMmapAdd) {
	if !s.leader {
		c.Fail(message.Errorf(syscall.EINVAL, "content may only be mmapped on rank 0"))
		return
	}
	if r.ChunkSize < 0 || r.Tag == "" {
		c.Fail(message.Errorf(syscall.EPROTO, "content.mmap-add: chunk size %d, tag %q", r.ChunkSize, r.Tag))
		return
	}
	f := &mappedFile{path: r.Path}
	var err error
	s.h.Go(func(context.Context) { err = s.scan(f, r.ChunkSize) }, func() {
		if err != nil {
			c.Fail(err)
			return
		}
		s.mapped.add(r.Tag, f)
		c.Respond(nil)
	})
}

// scan finds the blobs of a file.
func (s *content) scan(f *mappedFile, chunk int64) error {
	scanner := fileref.Scanner{ChunkSize: chunk, Blob: func(data []byte) (string, error) {
		return treeobj.Blobref(s.hash, data), nil
	}}
	ref, err := scanner.Scan(f.path)
	if err != nil {
		return err
	}
	if f.regions, err = ref.Regions(); err == nil && f.regions == nil {
		err = message.Errorf(syscall.EINVAL, "%s: not suitable for mapping", f.path)
	}
	return err
}

func (s *content) mmapRemove(c *service.Call, r *rpc.ContentMmapRemove) {
	if !s.leader {
		c.Fail(message.Errorf(syscall.EINVAL, "content can only be mmapped on rank 0"))
		return
	}
	s.mapped.remove(r.Tag)
	c.Respond(nil)
}

// loadMapped answers with a blob of a mapped file.
func (s *content) loadMapped(c *service.Call, hash string, at place) {
	var data []byte
	var err error
	s.h.Go(func(context.Context) { data, err = at.read() }, func() {
		if err != nil || string(s.hash.Digest(data)) != hash {
			c.Fail(message.Errorf(syscall.EIO, "mapped file content has changed"))
			return
		}
		c.Respond(data)
	})
}

func (p place) read() ([]byte, error) {
	f, err := os.Open(p.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data := make([]byte, p.size)
	_, err = f.ReadAt(data, p.offset)
	return data, err
}
