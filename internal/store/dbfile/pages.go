// SPDX-License-Identifier: LGPL-3.0-or-later

package dbfile

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Head is what the first page of a file says of it.
type Head struct {
	PageSize int
	Usable   int // bytes of a page that are used
}

// headSize is the size of the head of a file.
const headSize = 100

// magic is how each file begins.
const magic = "SQLite format 3\x00"

// ParseHead reads a file's first bytes. It accepts what this package can read:
// UTF-8 text and a known format.
func ParseHead(b []byte) (Head, error) {
	if len(b) < headSize {
		return Head{}, fmt.Errorf("the file has %d bytes, less than its head", len(b))
	}
	be := binary.BigEndian
	h := Head{PageSize: int(be.Uint16(b[16:]))}
	if h.PageSize == 1 {
		h.PageSize = 1 << 16
	}
	h.Usable = h.PageSize - int(b[20])
	switch {
	case string(b[:16]) != magic:
		return h, fmt.Errorf("the file does not begin as a database does")
	case h.PageSize < 512 || h.PageSize&(h.PageSize-1) != 0 || h.Usable < 480:
		return h, fmt.Errorf("pages of %d bytes, %d of them used", h.PageSize, h.Usable)
	case b[18] > 2 || b[19] > 2 || b[21] != 64 || b[22] != 32 || b[23] != 32:
		return h, fmt.Errorf("the head of the file is not of a known format")
	case be.Uint32(b[44:]) > 4 || be.Uint32(b[56:]) > 1:
		return h, fmt.Errorf("schema format %d, text encoding %d", be.Uint32(b[44:]), be.Uint32(b[56:]))
	}
	return h, nil
}

// Pages are the pages of a database: of its file, some of them replaced by
// those of a log.
type Pages struct {
	Head
	Count uint32 // how many there are

	file  io.ReaderAt
	log   *Log
	in    map[uint32]int64 // where in the log a page is
	cache map[uint32][]byte
}

// NewPages are the pages of a file of so many bytes.
func NewPages(file io.ReaderAt, size int64, h Head) *Pages {
	return &Pages{
		Head: h, Count: uint32(size / int64(h.PageSize)), file: file,
		in: map[uint32]int64{}, cache: map[uint32][]byte{},
	}
}

// Overlay puts frames of a log over the pages: as SQLite does, or, if all, each
// that matches its checksum. Of a page whose last frame is damaged, that in the
// file counts.
func (p *Pages) Overlay(l *Log, all bool) {
	p.log = l
	if !all {
		for _, f := range l.Frames[:l.Valid] {
			p.take(f)
		}
		return
	}
	end := 0
	for i, f := range l.Frames {
		if f.OK && f.Size != 0 {
			end = i + 1
		}
	}
	for _, f := range l.Frames[:end] {
		if f.OK {
			p.take(f)
		} else {
			delete(p.in, f.Page)
		}
	}
}

func (p *Pages) take(f Frame) {
	p.in[f.Page] = f.at
	if f.Size != 0 {
		p.Count = f.Size
	}
}

// InLog reports whether a page comes from the log.
func (p *Pages) InLog(n uint32) bool {
	_, ok := p.in[n]
	return ok
}

// cachedPages bounds how many pages are kept in memory.
const cachedPages = 1024

// Page returns page n, which begins with 1.
func (p *Pages) Page(n uint32) ([]byte, error) {
	if n == 0 || n > p.Count {
		return nil, fmt.Errorf("page %d is not one of %d", n, p.Count)
	}
	if b := p.cache[n]; b != nil {
		return b, nil
	}
	b := make([]byte, p.PageSize)
	var err error
	if at, ok := p.in[n]; ok {
		_, err = p.log.r.ReadAt(b, at)
	} else {
		_, err = p.file.ReadAt(b, int64(n-1)*int64(p.PageSize))
	}
	if err != nil {
		return nil, fmt.Errorf("page %d: %w", n, err)
	}
	if len(p.cache) >= cachedPages {
		clear(p.cache)
	}
	p.cache[n] = b
	return b, nil
}
