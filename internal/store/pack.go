// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"bytes"
	"compress/flate"
	_ "embed"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"sync"
	"syscall"

	"github.com/pierrec/lz4/v4"

	"goflux/internal/message"
)

// castagnoli has hardware support.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// keyed is the checksum of b in a row whose other columns are key.
func keyed(key uint32, b []byte) uint32 { return crc32.Update(key, castagnoli, b) }

// keyOf is the checksum of a row's columns beside its blob: int64, float64 or
// string.
func keyOf(columns ...any) uint32 {
	b := make([]byte, 0, 64)
	for _, c := range columns {
		switch c := c.(type) {
		case int64:
			b = binary.BigEndian.AppendUint64(append(b, 'i'), uint64(c))
		case float64:
			b = binary.BigEndian.AppendUint64(append(b, 'f'), math.Float64bits(c))
		case string:
			b = appendBlob(append(b, 's'), c)
		default:
			panic(fmt.Sprintf("store: column of type %T", c))
		}
	}
	return checksum(b)
}

// packDictionary is text that job records have in common. It is part of the
// format of packed blobs (packDeflate1): a new one needs a new format byte.
//
//go:embed dictionary.txt
var packDictionary []byte

// Formats of a packed blob: its first byte. Then follow, big endian, the
// checksum of the plain bytes and their length, and the bytes.
const (
	packPlain    = 0
	packDeflate1 = 1 // raw deflate with packDictionary
	packHeader   = 9
)

// maxPacked bounds what a damaged length can make us allocate: no job record
// is larger than a message.
const maxPacked = 1 << 30

var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriterDict(io.Discard, deflateLevel, packDictionary)
	if err != nil {
		panic(err) // the level is a constant
	}
	return w
}}

// deflateLevel 2 is the lowest that uses the dictionary.
const deflateLevel = 2

// pack compresses b for a blob of our own tables. The checksum covers key, too,
// which stands for the row's other columns: see [keyOf].
func pack(key uint32, b []byte) []byte {
	var buf bytes.Buffer
	header := make([]byte, packHeader)
	header[0] = packDeflate1
	binary.BigEndian.PutUint32(header[1:], keyed(key, b))
	binary.BigEndian.PutUint32(header[5:], uint32(len(b)))
	buf.Write(header)
	w := deflaters.Get().(*flate.Writer)
	w.Reset(&buf)
	_, _ = w.Write(b) // a bytes.Buffer takes everything
	_ = w.Close()
	deflaters.Put(w)
	if buf.Len() >= packHeader+len(b) {
		buf.Truncate(packHeader)
		buf.Write(b)
		buf.Bytes()[0] = packPlain
	}
	return buf.Bytes()
}

// unpack undoes pack. A blob that does not match its checksum, or not the key
// it is found under, is EIO.
func unpack(key uint32, b []byte) ([]byte, error) {
	if len(b) < packHeader {
		return nil, damaged("%d bytes are too short for a header", len(b))
	}
	sum, size := binary.BigEndian.Uint32(b[1:]), binary.BigEndian.Uint32(b[5:])
	plain := b[packHeader:]
	switch b[0] {
	case packPlain:
	case packDeflate1:
		if size > maxPacked {
			return nil, damaged("size %d", size)
		}
		var err error
		if plain, err = inflate(plain, size); err != nil {
			return nil, damaged("%v", err)
		}
	default:
		return nil, damaged("unknown format %d", b[0])
	}
	if uint32(len(plain)) != size || keyed(key, plain) != sum {
		return nil, damaged("checksum does not match")
	}
	return plain, nil
}

// inflaters are kept: each has tables of 40 kB.
var inflaters = sync.Pool{New: func() any { return flate.NewReader(nil) }}

// maxRatio is how much longer than deflated text the plain one can be.
const maxRatio = 1032

// inflate returns what was deflated, which is said to be so long. What is
// longer is cut off after the byte that tells.
func inflate(deflated []byte, size uint32) ([]byte, error) {
	r := inflaters.Get().(io.ReadCloser)
	defer inflaters.Put(r)
	if err := r.(flate.Resetter).Reset(bytes.NewReader(deflated), packDictionary); err != nil {
		return nil, err
	}
	out := make([]byte, min(int64(size), maxRatio*int64(len(deflated)))+1)
	n, err := io.ReadFull(r, out)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil // it is as long as it is said to be, or the caller finds that it is not
	}
	return out[:n], err
}

func damaged(format string, args ...any) error {
	return message.Errorf(syscall.EIO, "damaged record: %s", fmt.Sprintf(format, args...))
}

// compressionThreshold is flux-core's: content objects of this size and above
// are LZ4 blocks.
const compressionThreshold = 256

// MaxObject bounds a content object (RFC 10: the implementation may limit it).
const MaxObject = 1 << 30

var lz4pool = sync.Pool{New: func() any { return new(lz4.Compressor) }}

// packObject returns the columns size and object for data, as flux-core
// writes them: size is -1 for plain bytes, else the plain length.
func packObject(data []byte) (size int64, object []byte, err error) {
	if len(data) < compressionThreshold {
		return -1, data, nil
	}
	out := make([]byte, lz4.CompressBlockBound(len(data)))
	c := lz4pool.Get().(*lz4.Compressor)
	n, err := c.CompressBlock(data, out)
	lz4pool.Put(c)
	if err != nil {
		return 0, nil, message.Errorf(syscall.EINVAL, "compressing an object: %v", err)
	}
	if n == 0 || n >= len(data) {
		return -1, data, nil // readers go by the size column, not the threshold
	}
	return int64(len(data)), out[:n], nil
}

func unpackObject(size int64, object []byte) ([]byte, error) {
	if size == -1 {
		return object, nil
	}
	if size < 0 || size > MaxObject {
		return nil, message.Errorf(syscall.EINVAL, "content object has size %d", size)
	}
	out := make([]byte, size)
	n, err := lz4.UncompressBlock(object, out)
	if err != nil || int64(n) != size {
		return nil, message.Errorf(syscall.EINVAL, "content object does not decompress to its %d bytes", size)
	}
	return out, nil
}
