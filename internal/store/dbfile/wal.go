// SPDX-License-Identifier: LGPL-3.0-or-later

package dbfile

import (
	"encoding/binary"
	"io"
)

// Sizes of the heads of a write-ahead log and of its frames.
const (
	walHead   = 32
	frameHead = 24
)

// Frame is a page in a write-ahead log.
type Frame struct {
	Page uint32
	// Size is the size of the file in pages after the transaction that the
	// frame ends, 0 for the other frames.
	Size uint32
	// OK is set when the frame matches its checksum.
	OK bool
	at int64 // of the page's bytes
}

// Log is what a write-ahead log holds.
type Log struct {
	// HeadOK is set when the head matches its checksum: SQLite ignores the
	// whole log otherwise.
	HeadOK bool
	// Frames are those of this log; what an earlier one left behind it is not
	// counted.
	Frames []Frame
	// Valid is how many frames SQLite accepts: up to the last transaction
	// before the first frame that does not match.
	Valid int
	// Later is how many transactions end behind a frame that does not match.
	// A crash leaves one at the most: the next begins when the last is synced.
	Later    int
	pageSize int
	r        io.ReaderAt
}

// ReadLog reads the log in the first size bytes of r. pageSize is that of the
// file, which counts where the log's head is damaged.
func ReadLog(r io.ReaderAt, size int64, pageSize int) (*Log, error) {
	l := &Log{r: r, pageSize: pageSize}
	if size < walHead {
		return l, nil
	}
	head := make([]byte, walHead)
	if _, err := r.ReadAt(head, 0); err != nil {
		return nil, err
	}
	var order binary.ByteOrder = binary.LittleEndian
	if head[3]&1 != 0 {
		order = binary.BigEndian
	}
	be := binary.BigEndian
	sum := checksum{order: order}
	sum.add(head[:24])
	l.HeadOK = be.Uint32(head)&^1 == 0x377f0682 && be.Uint32(head[4:]) == 3007000 && sum.is(head[24:])
	if n := int(be.Uint32(head[8:])); l.HeadOK && (n == pageSize || pageSize == 0) {
		l.pageSize = n
	}
	if l.pageSize == 0 {
		return l, nil
	}
	salts := [2]uint32{be.Uint32(head[16:]), be.Uint32(head[20:])}
	return l, l.readFrames(size, order, salts, head[24:])
}

// readFrames reads the frames. Each checksum goes on from the one before, which
// is taken as it stands there: so a frame that is damaged spoils no later one.
func (l *Log) readFrames(size int64, order binary.ByteOrder, salts [2]uint32, before []byte) error {
	be := binary.BigEndian
	b := make([]byte, frameHead+l.pageSize)
	broken := !l.HeadOK
	strangers := 0
	for at := int64(walHead); at+int64(len(b)) <= size; at += int64(len(b)) {
		if _, err := l.r.ReadAt(b, at); err != nil {
			return err
		}
		if at == walHead && !l.HeadOK {
			salts = [2]uint32{be.Uint32(b[8:]), be.Uint32(b[12:])}
		}
		ours := be.Uint32(b[8:]) == salts[0] && be.Uint32(b[12:]) == salts[1]
		sum := checksum{order: order, a: be.Uint32(before), b: be.Uint32(before[4:])}
		sum.add(b[:8])
		sum.add(b[frameHead:])
		f := Frame{Page: be.Uint32(b), Size: be.Uint32(b[4:]), at: at + frameHead}
		f.OK = ours && f.Page != 0 && sum.is(b[16:])
		strangers++
		if ours {
			strangers = 0
		}
		before = append([]byte(nil), b[16:24]...)
		l.Frames = append(l.Frames, f)
		broken = broken || !f.OK
		switch {
		case f.OK && f.Size != 0 && !broken:
			l.Valid = len(l.Frames)
		case f.OK && f.Size != 0:
			l.Later++
		}
		if strangers > maxStrangers {
			break
		}
	}
	l.Frames = l.Frames[:len(l.Frames)-strangers]
	return nil
}

// maxStrangers is how many frames with another log's salts are read before
// this log is taken to be over: damage can make a stranger of one of ours.
const maxStrangers = 3

// checksum is the one of write-ahead logs.
type checksum struct {
	order binary.ByteOrder
	a, b  uint32
}

func (c *checksum) add(data []byte) {
	for ; len(data) >= 8; data = data[8:] {
		c.a += c.order.Uint32(data) + c.b
		c.b += c.order.Uint32(data[4:]) + c.a
	}
}

func (c *checksum) is(stored []byte) bool {
	return c.a == binary.BigEndian.Uint32(stored) && c.b == binary.BigEndian.Uint32(stored[4:])
}
