// SPDX-License-Identifier: LGPL-3.0-or-later

package process

import (
	"fmt"
	"io"
	"sync"
	"syscall"
)

// Input feeds a child's stream from a bounded buffer without blocking the
// caller (RFC 42, Input Flow Control).
type Input struct {
	w      io.WriteCloser
	size   int
	credit func(n int)

	mu      sync.Mutex
	queue   [][]byte
	held    int // bytes taken and not yet written
	closing bool
	dead    bool // the child has closed its end, or we ours
	running bool
}

// NewInput returns an input of size bytes to w, which it takes over. credit,
// when not nil, is called with the number of bytes that have been passed on,
// from a goroutine of the input's, and may block it.
func NewInput(w io.WriteCloser, size int, credit func(n int)) *Input {
	if credit == nil {
		credit = func(int) {}
	}
	return &Input{w: w, size: size, credit: credit}
}

// Write takes over b. ENOSPC when the buffer has no room for it: the
// sender has overrun its credit. What comes after the end is dropped.
func (i *Input) Write(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closing || i.dead {
		return nil
	}
	if i.held+len(b) > i.size {
		return fmt.Errorf("input of %d bytes does not fit the %d left: %w", len(b), i.size-i.held, syscall.ENOSPC)
	}
	i.held += len(b)
	i.queue = append(i.queue, b)
	i.start()
	return nil
}

// Close ends the stream after what has been taken.
func (i *Input) Close() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closing {
		return
	}
	i.closing = true
	if !i.running && !i.dead {
		i.dead = true
		i.w.Close()
	}
}

// Abandon drops what has not been written and closes the stream: the child is gone.
func (i *Input) Abandon() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.closing, i.queue = true, nil
	if !i.dead {
		i.dead = true
		i.w.Close() // wakes a write that waits
	}
}

// start is called with the lock held. The goroutine ends when the queue is
// empty, so that a quiet stream has none.
func (i *Input) start() {
	if !i.running {
		i.running = true
		go i.run()
	}
}

func (i *Input) run() {
	for {
		b, ok := i.next()
		if !ok {
			return
		}
		_, err := i.w.Write(b)
		i.mu.Lock()
		i.held -= len(b)
		if err != nil && !i.dead { // the child does not read any more
			i.dead = true
			i.w.Close()
		}
		i.mu.Unlock()
		// A child that no longer reads must not hold up a sender that
		// feeds others, too: what it would have read is credited.
		i.credit(len(b))
	}
}

func (i *Input) next() ([]byte, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.queue) == 0 {
		i.running = false
		if i.closing && !i.dead {
			i.dead = true
			i.w.Close()
		}
		return nil, false
	}
	b := i.queue[0]
	i.queue = i.queue[1:]
	return b, true
}
