// SPDX-License-Identifier: LGPL-3.0-or-later

package process

import (
	"bytes"
	"io"
	"sync"
)

// readBuffers are shared: a node may have thousands of quiet streams, each of
// which would otherwise hold a buffer of its own.
const readSize = 64 * 1024

var readBuffers = sync.Pool{New: func() any { b := make([]byte, readSize); return &b }}

// Pump reads r to its end and calls emit with what comes, which it may keep;
// it may block, and the child then waits. With lines, what is emitted is whole
// lines, unless a line is longer than limit bytes or the stream ends within
// one. Any error of reading is the end.
func Pump(r io.Reader, lines bool, limit int, emit func(data []byte)) {
	var partial []byte
	buf := *readBuffers.Get().(*[]byte)
	defer readBuffers.Put(&buf)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			partial = split(partial, buf[:n], lines, limit, emit)
		}
		if err != nil {
			if len(partial) > 0 {
				emit(partial)
			}
			return
		}
	}
}

// split emits what can be of partial followed by b and returns the rest.
func split(partial, b []byte, lines bool, limit int, emit func([]byte)) []byte {
	end := len(b)
	if lines {
		end = bytes.LastIndexByte(b, '\n') + 1
	}
	if end > 0 {
		emit(append(partial, b[:end]...))
		partial = nil
	}
	partial = append(partial, b[end:]...)
	for len(partial) >= limit {
		emit(partial[:limit:limit])
		partial = bytes.Clone(partial[limit:])
	}
	if len(partial) == 0 {
		return nil
	}
	return partial
}
