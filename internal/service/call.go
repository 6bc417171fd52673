// SPDX-License-Identifier: LGPL-3.0-or-later

package service

import (
	"syscall"

	"goflux/internal/message"
)

// Call is one request being served. It may be kept and answered later, on the
// service's loop. A unary request is answered once; a streaming one any number
// of times, ended by [Call.Fail] or [Call.End] (RFC 6).
type Call struct {
	Msg    *message.Message
	send   func(*message.Message)
	done   bool
	insist bool
}

// NewCall is for the module host and for tests: send takes the responses.
func NewCall(m *message.Message, send func(*message.Message)) *Call {
	return &Call{Msg: m, send: send}
}

// Cred is the sender's credential.
func (c *Call) Cred() message.Cred { return c.Msg.Cred }

// Streaming reports whether the sender asked for a stream of responses.
func (c *Call) Streaming() bool { return c.Msg.Is(message.FlagStreaming) }

// Respond answers with a payload (nil for none). For a streaming request it
// is one answer of many.
func (c *Call) Respond(payload any) {
	r := c.Msg.Response()
	r.SetValue(payload)
	c.reply(r)
}

// Fail answers with an error, which ends a stream.
func (c *Call) Fail(err error) {
	c.reply(c.Msg.ErrorResponse(err))
	c.done = true
}

// End ends a stream in the ordinary way (ENODATA).
func (c *Call) End() { c.Fail(syscall.ENODATA) }

// Insist has answers sent although the request says that it wants none: some
// protocols of flux-core know the answer by its topic, and set that flag to have
// no matchtag.
func (c *Call) Insist() { c.insist = true }

// Done reports whether the last answer has been given.
func (c *Call) Done() bool { return c.done }

func (c *Call) reply(r *message.Message) {
	if c.done {
		return
	}
	if !c.Streaming() {
		c.done = true
	}
	if c.insist || !c.Msg.Is(message.FlagNoResponse) {
		c.send(r)
	}
}

// streamKey identifies a stream: matchtags are unique per sender only.
type streamKey struct {
	sender   string
	matchtag uint32
}

// Streams are the open streams of a service, with what it keeps for each.
type Streams[T any] struct {
	open map[streamKey]*Stream[T]
	head *Stream[T] // oldest first, so that answers go out in order of arrival
	tail *Stream[T]
}

// Stream is an open stream.
type Stream[T any] struct {
	*Call
	State      T
	prev, next *Stream[T]
}

// Add opens a stream for c.
func (s *Streams[T]) Add(c *Call, state T) *Stream[T] {
	if s.open == nil {
		s.open = map[streamKey]*Stream[T]{}
	}
	st := &Stream[T]{Call: c, State: state, prev: s.tail}
	if s.tail != nil {
		s.tail.next = st
	} else {
		s.head = st
	}
	s.tail = st
	s.open[streamKey{c.Msg.Sender(), c.Msg.Matchtag}] = st
	return st
}

// Remove forgets a stream without answering.
func (s *Streams[T]) Remove(st *Stream[T]) {
	k := streamKey{st.Msg.Sender(), st.Msg.Matchtag}
	if s.open[k] != st {
		return
	}
	delete(s.open, k)
	if st.prev != nil {
		st.prev.next = st.next
	} else {
		s.head = st.next
	}
	if st.next != nil {
		st.next.prev = st.prev
	} else {
		s.tail = st.prev
	}
}

// Find returns the stream that sender opened with matchtag, or nil.
func (s *Streams[T]) Find(sender string, matchtag uint32) *Stream[T] {
	return s.open[streamKey{sender, matchtag}]
}

// Finish answers a stream with err (nil ends it with ENODATA) and forgets it.
func (s *Streams[T]) Finish(st *Stream[T], err error) {
	s.Remove(st)
	if err == nil {
		err = syscall.ENODATA
	}
	st.Fail(err)
}

// Cancel ends the stream that the sender of c opened with matchtag with
// ENODATA and returns it, or nil.
func (s *Streams[T]) Cancel(c *Call, matchtag uint32) *Stream[T] {
	st := s.Find(c.Msg.Sender(), matchtag)
	if st != nil {
		s.Finish(st, nil)
	}
	return st
}

// Disconnect forgets the streams of a client that is gone, calling fn for each.
func (s *Streams[T]) Disconnect(sender string, fn func(*Stream[T])) {
	for st := range s.All() {
		if st.Msg.Sender() == sender {
			s.Remove(st)
			if fn != nil {
				fn(st)
			}
		}
	}
}

// Len is the number of open streams.
func (s *Streams[T]) Len() int { return len(s.open) }

// All yields the open streams, oldest first. The one just yielded may be removed.
func (s *Streams[T]) All() func(yield func(*Stream[T]) bool) {
	return func(yield func(*Stream[T]) bool) {
		for st := s.head; st != nil; {
			next := st.next
			if !yield(st) {
				return
			}
			st = next
		}
	}
}
