// SPDX-License-Identifier: LGPL-3.0-or-later

package service

import "syscall"

// Streams are the open streams of a service, with what it keeps for each. They
// are in order of arrival, in which answers go out. Its zero value is empty.
type Streams[T any] struct {
	open map[streamKey]*Stream[T]
	all  chain[T]
	of   map[string]chain[T] // by sender
}

// Stream is an open stream.
type Stream[T any] struct {
	*Call
	State T
	links [2]link[T]
}

// streamKey identifies a stream: matchtags are unique per sender only.
type streamKey struct {
	sender   string
	matchtag uint32
}

func (st *Stream[T]) key() streamKey { return streamKey{st.Msg.Sender(), st.Msg.Matchtag} }

// Add opens a stream for c. One that the sender has open with the same matchtag,
// which it should not, is forgotten.
func (s *Streams[T]) Add(c *Call, state T) *Stream[T] {
	if s.open == nil {
		s.open = map[streamKey]*Stream[T]{}
		s.of = map[string]chain[T]{}
	}
	st := &Stream[T]{Call: c, State: state}
	k := st.key()
	if old := s.open[k]; old != nil {
		s.Remove(old)
	}
	s.open[k] = st
	s.all.push(amongAll, st)
	own := s.of[k.sender]
	own.push(amongOwn, st)
	s.of[k.sender] = own
	return st
}

// Remove forgets a stream without answering.
func (s *Streams[T]) Remove(st *Stream[T]) {
	k := st.key()
	if s.open[k] != st {
		return
	}
	delete(s.open, k)
	s.all.drop(amongAll, st)
	own := s.of[k.sender]
	own.drop(amongOwn, st)
	if own.head == nil {
		delete(s.of, k.sender)
		return
	}
	s.of[k.sender] = own
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
	for st := range s.of[sender].each(amongOwn) {
		s.Remove(st)
		if fn != nil {
			fn(st)
		}
	}
}

// Len is the number of open streams.
func (s *Streams[T]) Len() int { return len(s.open) }

// All yields the open streams, oldest first. The one just yielded may be removed.
func (s *Streams[T]) All() func(yield func(*Stream[T]) bool) { return s.all.each(amongAll) }

// Each stream is in two chains.
const (
	amongAll = iota
	amongOwn // those of its sender
)

// chain is a list of streams; link is a stream's place in it.
type chain[T any] struct{ head, tail *Stream[T] }

type link[T any] struct{ prev, next *Stream[T] }

func (c *chain[T]) push(which int, st *Stream[T]) {
	st.links[which] = link[T]{prev: c.tail}
	if c.tail != nil {
		c.tail.links[which].next = st
	} else {
		c.head = st
	}
	c.tail = st
}

// drop takes a stream out. Its own link stays, for who is at it.
func (c *chain[T]) drop(which int, st *Stream[T]) {
	at := st.links[which]
	if at.prev != nil {
		at.prev.links[which].next = at.next
	} else {
		c.head = at.next
	}
	if at.next != nil {
		at.next.links[which].prev = at.prev
	} else {
		c.tail = at.prev
	}
}

func (c chain[T]) each(which int) func(yield func(*Stream[T]) bool) {
	return func(yield func(*Stream[T]) bool) {
		for st := c.head; st != nil; {
			next := st.links[which].next
			if !yield(st) {
				return
			}
			st = next
		}
	}
}
