// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"bytes"
	"context"
	"strings"
	"syscall"

	core "goflux/internal/core/kvs"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/jobid"
)

// Flags of job-info.eventlog-watch: RFC 41, and one that has an answer without
// an event sent when all that was there has been.
const (
	watchWaitCreate = 1
	watchSentinel   = 2
)

// watchers are those who follow the event logs of jobs.
type watchers struct{ jobStreams[*watching] }

type logKey struct {
	id   jobid.ID
	path string
}

// watching is what one watcher follows: it has been sent the log up to offset.
// While pumping, older parts are being read from the store and what is new is
// left to be read after them.
type watching struct {
	key     logKey
	offset  int64
	pumping bool
	final   bool // nothing will be added
	// sentinel: the mark is still to be sent; waitcreate: a log that never
	// comes is no error.
	sentinel, waitcreate bool
	seen                 bool // something was there
	// relay is a watch in the KVS that stands for it, or, beside one of the job
	// services' own logs, adds what users and tasks append to its key there.
	relay  *service.Pending
	beside bool
}

func (w *watching) about() jobid.ID { return w.key.id }

func (w *watchers) guests() int {
	n := 0
	for st := range w.streams.All() {
		if st.State.key.path != "eventlog" {
			n++
		}
	}
	return n
}

// follow opens a stream for x. A watch in the KVS for one that the client has open
// with the same matchtag, which is forgotten, is ended.
func (s *jobs) follow(c *service.Call, x *watching) *service.Stream[*watching] {
	if old := s.watch.streams.Find(c.Msg.Sender(), c.Msg.Matchtag); old != nil {
		s.endRelay(old)
	}
	return s.watch.add(c, x)
}

// event hands new lines of a log to those who follow it.
func (w *watchers) event(id jobid.ID, path string, lines []byte) {
	for _, st := range w.byJob[id] {
		if st.State.key.path != path || st.State.pumping {
			continue
		}
		st.State.offset += int64(len(lines))
		st.State.seen = true
		sendLines(st.Call, lines)
	}
}

// watchersEnded ends the watches of a job that has become inactive.
func (s *jobs) watchersEnded(id jobid.ID) {
	for _, st := range s.watch.byJob[id] {
		switch {
		case st.State.pumping:
			st.State.final = true
		case st.State.relay != nil && !st.State.beside: // the KVS says when it is over
		case st.State.beside && !st.State.seen:
			s.endWatch(st, syscall.ENOENT)
		default:
			s.endWatch(st, nil)
		}
	}
}

// endWatch ends a watch, and that in the KVS beside it.
func (s *jobs) endWatch(st *service.Stream[*watching], err error) {
	s.endRelay(st)
	s.watch.finish(st, err)
}

// sendLines answers with each line on its own (RFC 41).
func sendLines(c *service.Call, lines []byte) {
	for len(lines) > 0 {
		i := bytes.IndexByte(lines, '\n')
		if i < 0 {
			return
		}
		c.Respond(rpc.JobInfoEvent{Event: string(lines[:i+1])})
		lines = lines[i+1:]
	}
}

func (s *jobs) eventlogWatch(c *service.Call, req *rpc.JobInfoWatch) {
	switch {
	case !c.Streaming():
		c.Fail(message.Errorf(syscall.EPROTO, "eventlog-watch request rejected without streaming RPC flag"))
		return
	case req.Flags&^(watchWaitCreate|watchSentinel) != 0:
		c.Fail(message.Errorf(syscall.EPROTO, "eventlog-watch request rejected with invalid flag"))
		return
	}
	// What is in the log now is sent when it is durable. What is added later
	// comes by the watch, so it must not be read then.
	var log []byte
	if j := s.m.Job(req.ID); j != nil {
		log = j.Log
	}
	s.after(func() {
		j, err := s.seen(c, req.ID)
		if err != nil {
			c.Fail(err)
			return
		}
		live := log != nil
		if !live {
			log = j.Log
		}
		active := s.m.Job(req.ID) != nil
		switch name, _ := streamOf(req.Path); name {
		case "exec", "output", "input":
			s.watchStream(c, req, name, active)
		default:
			if req.Path == "eventlog" {
				s.watchLog(c, req, log, live)
				return
			}
			s.watchKVS(c, req, j, active)
		}
	})
}

// watchLog follows the job's event log, of which log has been written so far.
func (s *jobs) watchLog(c *service.Call, req *rpc.JobInfoWatch, log []byte, live bool) {
	sendLines(c, log)
	if req.Flags&watchSentinel != 0 {
		sendSentinel(c)
	}
	if !live {
		c.End()
		return
	}
	st := s.follow(c, &watching{key: logKey{req.ID, "eventlog"}, offset: int64(len(log)), seen: true, beside: true})
	s.relay(st, ownCred, rpc.KVSLookup{
		Key: req.ID.KVS() + ".eventlog", Namespace: core.Primary, Flags: st.State.kvsFlags() | core.LookupTreeOnly,
	})
}

// watchStream follows one of the job's streams, which are in the store.
func (s *jobs) watchStream(c *service.Call, req *rpc.JobInfoWatch, name string, active bool) {
	_, _, err := s.store.ReadStream(uint64(req.ID), name, 0, 1)
	if err != nil && !active {
		c.Fail(syscall.ENOENT)
		return
	}
	st := s.follow(c, &watching{
		key: logKey{req.ID, req.Path}, final: !active,
		sentinel: req.Flags&watchSentinel != 0, seen: err == nil, beside: true,
	})
	if active && s.records[req.ID].namespace {
		s.relayGuest(st, strings.TrimPrefix(req.Path, "guest."))
	}
	if err == nil {
		s.pump(st, name)
	}
}

// sendSentinel marks the end of what was there.
func sendSentinel(c *service.Call) { c.Respond(nil) }

// pump reads what the watcher has not seen yet from the store, off the loop.
func (s *jobs) pump(st *service.Stream[*watching], name string) {
	w := st.State
	w.pumping = true
	var data []byte
	var size int64
	var err error
	s.h.Go(func(context.Context) {
		data, size, err = s.store.ReadStream(uint64(w.key.id), name, w.offset, 0)
	}, func() {
		if !s.watch.open(st) {
			return
		}
		if err != nil {
			s.endWatch(st, err)
			return
		}
		data = wholeLines(data)
		w.offset += int64(len(data))
		sendLines(st.Call, data)
		if len(data) > 0 && w.offset < size || s.grown(w, name) {
			s.pump(st, name)
			return
		}
		w.pumping = false
		if w.sentinel {
			w.sentinel = false
			sendSentinel(st.Call)
		}
		if w.final {
			s.endWatch(st, nil)
		}
	})
}

// grown reports whether the stream has got longer than the watcher has seen.
func (s *jobs) grown(w *watching, name string) bool {
	_, size, err := s.store.ReadStream(uint64(w.key.id), name, w.offset, 1)
	return err == nil && size > w.offset
}

// wholeLines cuts a part of a log behind its last newline.
func wholeLines(b []byte) []byte { return b[:bytes.LastIndexByte(b, '\n')+1] }

func (s *jobs) eventlogWatchCancel(c *service.Call, req *rpc.Matchtag) {
	if st := s.watch.streams.Find(c.Msg.Sender(), req.Matchtag); st != nil {
		s.endWatch(st, nil)
	}
}
