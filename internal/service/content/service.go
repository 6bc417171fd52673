// SPDX-License-Identifier: LGPL-3.0-or-later

package content

import (
	"syscall"
	"time"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/treeobj"
)

// Service is the registration, for leader and followers alike.
func Service() *service.Registration {
	return &service.Registration{
		Name: "content",
		New:  newContent,
		Methods: []service.Method{
			service.Raw("content.load", service.Owner, (*content).load),
			service.Raw("content.store", service.Owner, (*content).store),
			service.Raw("content.flush", service.Owner, (*content).flush),
			service.Raw("content.dropcache", service.Owner, (*content).dropCache),
			service.Deferred("content.register-backing", service.Owner, (*content).register),
			service.Raw("content.unregister-backing", service.Owner, (*content).unregister),
			service.Raw("content.checkpoint-get", service.Owner, (*content).checkpointGet),
			service.Deferred("content.checkpoint-put", service.Owner, (*content).checkpointPut),
			service.Deferred("content.commit", service.Owner, (*content).commit),
			service.Deferred("content.mmap-add", service.Owner, (*content).mmapAdd),
			service.Deferred("content.mmap-remove", service.Owner, (*content).mmapRemove),
			service.Deferred("content.jobs-get", service.Owner, (*content).jobsGet),
			service.Deferred("content.jobs-put", service.Owner, (*content).jobsPut),
		},
	}
}

// content is the service's instance.
type content struct {
	cache
	h       service.Host
	opt     options
	leader  bool
	lasting bool // the state outlives the instance
	hash    treeobj.Hash

	backing  bool   // the leader's backing store is there
	name     string // its name, once known
	queue    []*entry
	storing  int // stores under way
	waiting  []func(error)
	flushErr error
	purging  bool

	mapped mappedFiles
}

func newContent(h service.Host, args []string) (any, error) {
	opt, err := parseOptions(args)
	if err != nil {
		return nil, err
	}
	s := &content{cache: newCache(), mapped: newMappedFiles(), h: h, opt: opt, leader: h.Rank() == 0}
	name, ok := h.Attr("content.hash")
	if !ok {
		name = string(treeobj.SHA1)
		h.SetAttr("content.hash", name)
	}
	if s.hash, err = treeobj.ParseHash(name); err != nil {
		return nil, message.Errorf(syscall.EINVAL, "content.hash: %v", err)
	}
	s.name, _ = h.Attr("content.backing-module")
	cleanup, _ := h.Attr("statedir-cleanup")
	s.lasting = s.leader && cleanup != "1"
	s.sendFigures()
	return s, nil
}

// Stats implements service.Statser.
func (s *content) Stats() any {
	return rpc.ContentStats{
		Count: len(s.entries), Valid: s.valid, Dirty: s.dirty, Size: s.size, FlushBatchCount: s.storing,
		Mmap: s.mapped.stats(),
	}
}

// answer answers calls with raw bytes.
func answer(calls []*service.Call, data []byte) {
	for _, c := range calls {
		c.Respond(data)
	}
}

func fail(calls []*service.Call, err error) {
	for _, c := range calls {
		c.Fail(err)
	}
}

// bytesOf is a raw payload; no payload is an empty one.
func bytesOf(m *message.Message) []byte {
	if b := m.Payload(); b != nil {
		return b
	}
	return []byte{}
}

func (s *content) load(c *service.Call) {
	hash := string(c.Msg.Payload())
	if len(hash) != s.hash.Size() {
		c.Fail(syscall.EPROTO)
		return
	}
	e := s.entries[hash]
	if e != nil && e.valid {
		s.touch(e, s.h.Now())
		c.Respond(e.data)
		return
	}
	if at, ok := s.mapped.blobs[hash]; ok {
		s.loadMapped(c, hash, at)
		return
	}
	if s.leader && !s.backing {
		c.Fail(syscall.ENOENT)
		return
	}
	e = s.get(hash)
	e.loads = append(e.loads, c)
	if len(e.loads) > 1 {
		return
	}
	s.h.Request(s.up("load", []byte(hash)), func(m *message.Message) { s.loaded(e, m) })
}

// up is a request to where this cache loads from and stores to.
func (s *content) up(method string, data []byte) service.Request {
	if s.leader {
		return service.Request{Topic: "content-backing." + method, NodeID: 0, Payload: data}
	}
	return service.Request{Topic: "content." + method, NodeID: message.NodeUpstream, Payload: data}
}

// loaded handles the answer to a load, unless a store has been faster.
func (s *content) loaded(e *entry, m *message.Message) {
	calls := e.loads
	e.loads = nil
	err := m.Err()
	if !e.valid && err == nil {
		data := bytesOf(m)
		if string(s.hash.Digest(data)) == e.hash {
			s.fill(e, data, false, s.h.Now())
			s.schedulePurge()
		} else {
			ref, _ := treeobj.BlobrefOf(s.hash, []byte(e.hash)) // the length has been checked
			err = message.Errorf(syscall.EIO, "%s: stored content is damaged", ref)
			s.h.Log().Error(err.Error())
		}
	}
	if e.valid {
		answer(calls, e.data)
		return
	}
	if message.Errno(err) == syscall.ENOSYS && s.leader {
		err = syscall.ENOENT // the backing store is being unloaded
	}
	s.remove(e)
	fail(calls, err)
}

func (s *content) store(c *service.Call) {
	data := bytesOf(c.Msg)
	if int64(len(data)) > s.opt.blobLimit {
		c.Fail(message.Errorf(syscall.EFBIG, "blob of %d bytes exceeds the limit of %d", len(data), s.opt.blobLimit))
		return
	}
	hash := s.hash.Digest(data)
	e := s.get(string(hash))
	if e.valid && !e.dirty {
		s.touch(e, s.h.Now())
		c.Respond(hash)
		return
	}
	if !e.valid {
		s.fill(e, data, true, s.h.Now())
		answer(e.loads, e.data)
		e.loads = nil
	}
	if s.leader && !(s.lasting && s.backing) {
		c.Respond(hash)
	} else {
		e.stores = append(e.stores, c)
	}
	s.enqueue(e)
	s.pump()
}

// enqueue puts a dirty entry in line to be stored.
func (s *content) enqueue(e *entry) {
	if e.dirty && !e.storing && !e.queued {
		e.queued = true
		s.queue = append(s.queue, e)
	}
}

// pump starts stores, within the limit. A follower's are not limited: each has
// a client of its own waiting.
func (s *content) pump() {
	if s.leader && !s.backing {
		return
	}
	for len(s.queue) > 0 && (!s.leader || s.storing < s.opt.flushBatch) {
		e := s.queue[0]
		s.queue = s.queue[1:]
		e.queued = false
		if e.storing || !e.dirty {
			continue // a commit took it along
		}
		e.storing = true
		s.storing++
		s.h.Request(s.up("store", e.data), func(m *message.Message) {
			err := m.Err()
			if err == nil && string(m.Payload()) != e.hash {
				err = message.Errorf(syscall.EIO, "the store above uses another hash")
			}
			s.stored(e, err)
		})
	}
}

// stored handles the answer to a store.
func (s *content) stored(e *entry, err error) {
	s.storing--
	e.storing = false
	calls := e.stores
	e.stores = nil
	switch {
	case err == nil:
		s.flushErr = nil
		s.cleaned(e, s.h.Now())
		s.schedulePurge()
		answer(calls, []byte(e.hash))
	case s.leader:
		if message.Errno(err) != syscall.ENOSYS {
			s.h.Log().Error("storing content failed", "err", err)
		}
		s.flushErr = err
		s.enqueue(e) // kept, and tried again with the next flush
		fail(calls, err)
	default:
		s.remove(e)
		fail(calls, err)
	}
	s.flushed()
	if err == nil {
		s.pump()
	}
}

// flushed tells those who wait for everything to be stored, when it is so or
// will not be.
func (s *content) flushed() {
	var err error
	switch {
	case s.dirty == 0:
	case s.leader && !s.backing:
		err = syscall.ENOSYS
	case s.flushErr != nil && s.storing == 0:
		err = s.flushErr
	default:
		return
	}
	waiting := s.waiting
	s.waiting = nil
	for _, fn := range waiting {
		fn(err)
	}
}

// whenFlushed calls fn when all entries have been stored.
func (s *content) whenFlushed(fn func(error)) {
	s.waiting = append(s.waiting, fn)
	s.flushErr = nil
	s.pump()
	s.flushed()
}

func (s *content) flush(c *service.Call) {
	if s.leader && !s.backing {
		c.Fail(syscall.ENOSYS)
		return
	}
	s.whenFlushed(func(err error) {
		if err != nil {
			c.Fail(err)
			return
		}
		c.Respond(nil)
	})
}

func (s *content) dropCache(c *service.Call) {
	before := len(s.entries)
	for s.clean.Len() > 0 {
		s.remove(s.clean.Front().Value.(*entry))
	}
	s.h.Log().Debug("dropcache", "dropped", before-len(s.entries), "of", before)
	c.Respond(nil)
}

// purgeInterval is how often a cache above its target looks for old entries.
const purgeInterval = time.Second

func (s *content) schedulePurge() {
	if s.purging || s.size <= s.opt.purgeTarget {
		return
	}
	s.purging = true
	s.h.After(purgeInterval, func() {
		s.purging = false
		if s.purge(s.opt.purgeTarget, s.h.Now().Add(-s.opt.purgeAge)) {
			s.schedulePurge()
		}
	})
}

func (s *content) register(c *service.Call, r *rpc.ContentRegister) {
	var err error
	switch {
	case r.Name == "":
		err = message.Errorf(syscall.EPROTO, "content.register-backing: no name")
	case !s.leader:
		err = message.Errorf(syscall.EINVAL, "content backing store can only be registered on rank 0")
	case s.backing:
		err = message.Errorf(syscall.EBUSY, "content backing store is already active")
	case s.name != "" && s.name != r.Name:
		err = message.Errorf(syscall.EINVAL, "content backing store cannot be changed on the fly")
	}
	if err != nil {
		c.Fail(err)
		return
	}
	if s.name == "" {
		s.name = r.Name
		s.h.SetAttr("content.backing-module", s.name)
	}
	s.backing = true
	c.Respond(nil)
	s.pump()
}

func (s *content) unregister(c *service.Call) {
	if !s.backing {
		c.Fail(message.Errorf(syscall.EINVAL, "content backing store is not active"))
		return
	}
	s.backing = false
	c.Respond(nil)
	if s.dirty > 0 {
		s.h.Log().Error("the backing store left before everything was stored", "blobs", s.dirty)
	}
	s.flushed()
}
