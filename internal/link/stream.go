// SPDX-License-Identifier: LGPL-3.0-or-later

package link

import (
	"bufio"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"

	"goflux/internal/message"
)

const (
	// DefaultBacklog is how many bytes may wait for a receiver before the
	// link is given up. The largest legitimate burst is a listing of the queue.
	DefaultBacklog = 256 << 20
	// messageCost is what a message is taken to weigh besides its payload.
	messageCost = 512
	// writeChunk is about how much one write carries.
	writeChunk = 256 << 10
	readBuffer = 64 << 10
	// closeGrace bounds how long Close waits for what is queued to be written.
	closeGrace = 5 * time.Second
)

// ErrBacklog says that the receiver stopped reading.
var ErrBacklog = message.Errorf(syscall.ENOBUFS, "the receiver does not read: backlog exceeded")

// Stream is a message link over a byte stream. Send and Recv may be called
// from different goroutines; Recv from one at a time.
type Stream struct {
	nc net.Conn
	br *bufio.Reader

	mu      sync.Mutex
	queue   []*message.Message
	weight  int
	limit   int
	room    sync.Cond
	wake    chan struct{}
	err     error
	closing bool
	written chan struct{} // closed when the writer has ended
}

// NewStream returns a link over nc that gives up when more than limit bytes
// wait to be written (0: DefaultBacklog).
func NewStream(nc net.Conn, limit int) *Stream {
	if limit <= 0 {
		limit = DefaultBacklog
	}
	s := &Stream{
		nc: nc, br: bufio.NewReaderSize(nc, readBuffer), limit: limit,
		wake: make(chan struct{}, 1), written: make(chan struct{}),
	}
	s.room.L = &s.mu
	go s.write()
	return s
}

// Conn is the connection beneath.
func (s *Stream) Conn() net.Conn { return s.nc }

// Recv returns the next message; io.EOF when the other side has closed.
func (s *Stream) Recv() (*message.Message, error) { return message.ReadFrame(s.br) }

// Send queues a message and never blocks. After an error the link is dead.
func (s *Stream) Send(m *message.Message) error {
	s.mu.Lock()
	if s.err == nil && s.weight > s.limit {
		s.err = ErrBacklog
		s.nc.Close()
	}
	if s.err != nil || s.closing {
		err := s.err
		s.mu.Unlock()
		if err == nil {
			err = net.ErrClosed
		}
		return err
	}
	s.queue = append(s.queue, m)
	s.weight += weigh(m)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return nil
}

// SendWait is Send for callers that may block: it first waits until little is
// queued.
func (s *Stream) SendWait(m *message.Message) error {
	s.mu.Lock()
	for s.weight > writeChunk && s.err == nil && !s.closing {
		s.room.Wait()
	}
	s.mu.Unlock()
	return s.Send(m)
}

// weigh counts a payload that is still a Go value as nothing: such values are
// small or shared.
func weigh(m *message.Message) int {
	if m.Value() != nil {
		return messageCost
	}
	return messageCost + len(m.Payload())
}

// Close writes what is queued, within a grace time, and closes the connection.
func (s *Stream) Close() error {
	s.mu.Lock()
	s.closing = true
	s.room.Broadcast()
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
	_ = s.nc.SetWriteDeadline(time.Now().Add(closeGrace))
	<-s.written
	return s.nc.Close()
}

// Abort closes the connection at once.
func (s *Stream) Abort() { s.nc.Close() }

func (s *Stream) write() {
	defer close(s.written)
	var buf []byte
	var spare []*message.Message
	for {
		<-s.wake
		for {
			batch := s.take(spare)
			if batch == nil {
				return
			}
			if len(batch) == 0 {
				break
			}
			var err error
			if buf, err = s.writeBatch(buf[:0], batch); err != nil {
				s.fail(err)
				return
			}
			clear(batch)
			spare = batch[:0]
		}
		if cap(buf) > 4*writeChunk {
			buf = nil
		}
	}
}

// take returns the queued messages; none: an empty slice, or nil when closing.
func (s *Stream) take(spare []*message.Message) []*message.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil || (s.closing && len(s.queue) == 0) {
		return nil
	}
	if len(s.queue) == 0 {
		return []*message.Message{} // spare stays the caller's
	}
	batch := s.queue
	s.queue = spare
	return batch
}

func (s *Stream) writeBatch(buf []byte, batch []*message.Message) ([]byte, error) {
	weight := 0
	for i, m := range batch {
		weight += weigh(m)
		buf = message.AppendFrame(buf, m)
		if len(buf) < writeChunk && i < len(batch)-1 {
			continue
		}
		if _, err := s.nc.Write(buf); err != nil {
			return buf, err
		}
		buf = buf[:0]
		s.mu.Lock()
		s.weight -= weight
		s.room.Broadcast()
		s.mu.Unlock()
		weight = 0
	}
	return buf, nil
}

func (s *Stream) fail(err error) {
	s.mu.Lock()
	if s.err == nil {
		s.err = err
	}
	s.queue = nil
	s.room.Broadcast()
	s.mu.Unlock()
	switch {
	case errors.Is(err, net.ErrClosed):
	case errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET):
		// The other side has closed. What it said before that is still to be
		// read, and then its end.
		_ = s.nc.SetReadDeadline(time.Now().Add(closeGrace))
	default:
		s.nc.Close()
	}
}
