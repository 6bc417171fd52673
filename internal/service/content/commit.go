// SPDX-License-Identifier: LGPL-3.0-or-later

package content

import (
	"syscall"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// commit takes blobs and the roots that refer to them, and hands both to the
// backing store together.
func (s *content) commit(c *service.Call, r *rpc.ContentCommit) {
	if !s.leader {
		c.Fail(syscall.ENOSYS)
		return
	}
	for _, b := range r.Blobs {
		if int64(len(b.Data)) > s.opt.blobLimit {
			c.Fail(message.Errorf(syscall.EFBIG, "blob of %d bytes exceeds the limit of %d", len(b.Data), s.opt.blobLimit))
			return
		}
	}
	if !s.backing && r.Sync {
		c.Fail(message.Errorf(syscall.ENOSYS, "checkpoint put unavailable, no backing store"))
		return
	}
	entries := s.take(r.Blobs)
	if !s.backing {
		for _, e := range entries {
			s.enqueue(e)
		}
		c.Respond(nil)
		return
	}
	if !r.Wait {
		c.Respond(nil)
	}
	for _, e := range entries {
		e.storing = true
	}
	s.storing++
	s.h.Request(service.Request{Topic: "content-backing.commit", NodeID: 0, Payload: r}, func(m *message.Message) {
		s.committed(c, r, entries, m.Err())
	})
}

// take enters blobs and returns the entries that are new or not stored yet.
func (s *content) take(blobs []rpc.ContentBlob) []*entry {
	var entries []*entry
	for _, b := range blobs {
		e := s.get(b.Hash)
		if e.valid && (!e.dirty || e.storing) {
			s.touch(e, s.h.Now())
			continue
		}
		if !e.valid {
			s.fill(e, b.Data, true, s.h.Now())
			answer(e.loads, e.data)
			e.loads = nil
		}
		entries = append(entries, e)
	}
	return entries
}

func (s *content) committed(c *service.Call, r *rpc.ContentCommit, entries []*entry, err error) {
	s.storing--
	for _, e := range entries {
		e.storing = false
		calls := e.stores
		e.stores = nil
		if err == nil {
			s.cleaned(e, s.h.Now())
			answer(calls, []byte(e.hash))
		} else {
			s.enqueue(e) // somebody may have been told that it can be loaded
			fail(calls, err)
		}
	}
	if err != nil {
		s.flushErr = err
		s.h.Log().Error("storing a commit failed", "err", err)
		c.Fail(err)
	} else if r.Wait {
		c.Respond(nil)
	}
	s.schedulePurge()
	s.flushed()
	if err == nil {
		s.pump()
	}
}

func (s *content) checkpointGet(c *service.Call) {
	if s.leader && !s.backing {
		c.Fail(message.Errorf(syscall.ENOSYS, "checkpoint get unavailable, no backing store"))
		return
	}
	s.h.Request(s.up("checkpoint-get", nil), func(m *message.Message) { forward(c, m) })
}

func (s *content) checkpointPut(c *service.Call, r *rpc.CheckpointPut) {
	if s.leader && !s.backing {
		c.Fail(message.Errorf(syscall.ENOSYS, "checkpoint put unavailable, no backing store"))
		return
	}
	if r.Value == nil {
		c.Fail(message.Errorf(syscall.EPROTO, "content.checkpoint-put: no value"))
		return
	}
	s.whenFlushed(func(err error) {
		if err != nil {
			c.Fail(message.Errorf(message.Errno(err), "error flushing content"))
			return
		}
		req := s.up("checkpoint-put", nil)
		req.Payload = r
		s.h.Request(req, func(m *message.Message) { forward(c, m) })
	})
}

// forward answers a call with the response to a request made for it.
func forward(c *service.Call, m *message.Message) {
	if err := m.Err(); err != nil {
		c.Fail(err)
		return
	}
	if v := m.Value(); v != nil {
		c.Respond(v)
		return
	}
	c.Respond(m.Payload())
}
