// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"slices"

	"goflux/internal/service"
	"goflux/jobid"
)

// jobStreams are open streams about a job each, which are found by it. Its zero
// value is empty.
type jobStreams[T interface{ about() jobid.ID }] struct {
	streams service.Streams[T]
	byJob   map[jobid.ID][]*service.Stream[T]
}

func (s *jobStreams[T]) add(c *service.Call, state T) *service.Stream[T] {
	if s.byJob == nil {
		s.byJob = map[jobid.ID][]*service.Stream[T]{}
	}
	if old := s.streams.Find(c.Msg.Sender(), c.Msg.Matchtag); old != nil {
		s.unlist(old)
	}
	st := s.streams.Add(c, state)
	s.byJob[state.about()] = append(s.byJob[state.about()], st)
	return st
}

// unlist forgets which job st is about.
func (s *jobStreams[T]) unlist(st *service.Stream[T]) {
	id := st.State.about()
	list := s.byJob[id]
	if i := slices.Index(list, st); i >= 0 {
		list = slices.Concat(list[:i], list[i+1:]) // someone may be walking the old one
	}
	if len(list) == 0 {
		delete(s.byJob, id)
		return
	}
	s.byJob[id] = list
}

// open tells whether st is still to be answered.
func (s *jobStreams[T]) open(st *service.Stream[T]) bool {
	return !st.Done() && s.streams.Find(st.Msg.Sender(), st.Msg.Matchtag) == st
}

// finish is [service.Streams.Finish].
func (s *jobStreams[T]) finish(st *service.Stream[T], err error) {
	s.unlist(st)
	s.streams.Finish(st, err)
}

// disconnect is [service.Streams.Disconnect]; gone may be nil.
func (s *jobStreams[T]) disconnect(sender string, gone func(*service.Stream[T])) {
	s.streams.Disconnect(sender, func(st *service.Stream[T]) {
		s.unlist(st)
		if gone != nil {
			gone(st)
		}
	})
}
