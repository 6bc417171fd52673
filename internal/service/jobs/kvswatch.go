// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"bytes"
	"strings"
	"syscall"

	"goflux/internal/core/job"
	core "goflux/internal/core/kvs"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/jobid"
	"goflux/treeobj"
)

// This file follows event logs that are not the job services' own: what a user
// or a program put into the job's directory of the KVS, or into the job's guest
// namespace. The directory is the instance owner's, and is read as that. The
// namespace is the user's and may have links to others in it: it is read with the
// credential of who asks.

// Flags of kvs-watch.lookup.
const (
	kvsWatch      = 4
	kvsWaitCreate = 8
	kvsAppend     = 256
	kvsSentinel   = 1024
)

// watchKVS relays a watch of the KVS as the answers of job-info.eventlog-watch.
func (s *jobs) watchKVS(c *service.Call, req *rpc.JobInfoWatch, j *job.Job, active bool) {
	w := &watching{
		key:        logKey{j.ID, req.Path},
		sentinel:   req.Flags&watchSentinel != 0,
		waitcreate: req.Flags&watchWaitCreate != 0,
	}
	guest, isGuest := strings.CutPrefix(req.Path, "guest.")
	switch {
	case !isGuest:
		st := s.follow(c, w)
		s.relay(st, ownCred, rpc.KVSLookup{Key: j.ID.KVS() + "." + req.Path, Namespace: core.Primary, Flags: w.kvsFlags()})
	case guest == "":
		c.Fail(syscall.EINVAL)
	case !active:
		s.lookupGuest(c, j, guest, w)
	default:
		st := s.follow(c, w)
		if s.records[j.ID].namespace {
			s.relayGuest(st, guest)
		}
	}
}

func (w *watching) kvsFlags() int {
	flags := kvsWatch | kvsAppend
	if w.waitcreate || w.beside {
		flags |= kvsWaitCreate
	}
	if w.sentinel && !w.beside {
		flags |= kvsSentinel
	}
	return flags
}

func (s *jobs) relayGuest(st *service.Stream[*watching], key string) {
	w := st.State
	s.relay(st, st.Call.Cred(), rpc.KVSLookup{Key: key, Namespace: w.key.id.Namespace(), Flags: w.kvsFlags()})
}

// guestReady starts the watches that waited for the job's namespace.
func (s *jobs) guestReady(id jobid.ID) {
	for _, st := range s.watch.byJob[id] {
		key, ok := strings.CutPrefix(st.State.key.path, "guest.")
		if ok && st.State.relay == nil {
			s.relayGuest(st, key)
		}
	}
}

// ownCred sends a request as the instance owner, as which the services run.
var ownCred message.Cred

func (s *jobs) relay(st *service.Stream[*watching], cred message.Cred, lookup rpc.KVSLookup) {
	st.State.relay = s.h.Request(service.Request{
		Topic: "kvs-watch.lookup", NodeID: message.NodeAny, Flags: message.FlagStreaming, Payload: &lookup, Cred: cred,
	}, func(m *message.Message) {
		if st.Done() {
			return
		}
		if err := m.Err(); err != nil {
			if !st.State.beside {
				s.watch.finish(st, st.State.relayError(err))
			}
			return
		}
		if !m.HasPayload() {
			st.State.sentinel = false
			sendSentinel(st.Call)
			return
		}
		var v rpc.KVSValue
		if err := m.Decode(&v); err != nil {
			s.watch.finish(st, err)
			return
		}
		if val, ok := v.Val.Object.(treeobj.Val); ok {
			st.State.seen = true
			sendLines(st.Call, val.Data)
		}
	})
}

// relayError turns the end of a namespace into the end of the log, or, when
// nothing ever was there, into that.
func (w *watching) relayError(err error) error {
	switch {
	case message.Errno(err) != syscall.EOPNOTSUPP:
		return err
	case !w.seen:
		return syscall.ENOENT
	}
	return syscall.ENODATA
}

// endRelay ends the watch in the KVS that stands for st.
func (s *jobs) endRelay(st *service.Stream[*watching]) {
	if p := st.State.relay; p != nil {
		s.h.Request(service.Request{
			Topic: "kvs-watch.cancel", NodeID: message.NodeAny, Payload: rpc.KVSCancel{Matchtag: p.Matchtag},
		}, nil)
		p.Forget()
	}
}

// lookupGuest answers with a log of the guest namespace of a job that has ended.
func (s *jobs) lookupGuest(c *service.Call, j *job.Job, key string, w *watching) {
	s.guestValue(c, j, key, func(data []byte, err error) {
		if err != nil {
			c.Fail(err)
			return
		}
		sendLines(c, bytes.TrimRight(data, "\x00"))
		if w.sentinel {
			sendSentinel(c)
		}
		c.End()
	})
}

// guestValue looks a value up for c in a job's guest namespace, or in what that
// was when the job ended. ENOENT.
func (s *jobs) guestValue(c *service.Call, j *job.Job, key string, fn func([]byte, error)) {
	lookup := rpc.KVSLookup{Key: key}
	if r := s.records[j.ID]; r != nil && r.namespace {
		lookup.Namespace = j.ID.Namespace()
	} else if root := s.guestRoot(j); root != "" {
		lookup.Rootdir = &treeobj.JSON{Object: treeobj.Dirref{Refs: []string{root}}}
	} else {
		fn(nil, syscall.ENOENT)
		return
	}
	s.kvsValue(&lookup, c.Cred(), fn)
}

// kvsValue looks a value up in the KVS. EINVAL for a directory.
func (s *jobs) kvsValue(lookup *rpc.KVSLookup, cred message.Cred, fn func([]byte, error)) {
	req := service.Request{Topic: "kvs.lookup", NodeID: message.NodeAny, Payload: lookup, Cred: cred}
	s.h.Request(req, func(m *message.Message) {
		var v rpc.KVSValue
		err := m.Err()
		if err == nil {
			err = m.Decode(&v)
		}
		val, ok := v.Val.Object.(treeobj.Val)
		if err == nil && !ok {
			err = syscall.EINVAL
		}
		fn(val.Data, err)
	})
}

// guestRoot is the root of a job's guest namespace as it was at the job's end,
// "" when nothing was put there.
func (s *jobs) guestRoot(j *job.Job) string {
	if r := s.records[j.ID]; r != nil {
		return r.guest
	}
	row, err := s.store.FinishedJob(uint64(j.ID))
	if err != nil {
		return ""
	}
	return string(row.Records[guestField])
}

// guestField is the field of a job's record with the root of its guest namespace
// when that was removed.
const guestField = "guest"

// guestNamespace notes that the execution service has made the job's namespace,
// or, with a root, what was in it when it was removed.
func (s *jobs) guestNamespace(c *service.Call, req *rpc.JobGuest) {
	r := s.records[req.ID]
	if r == nil {
		c.Fail(syscall.ENOENT)
		return
	}
	r.namespace = req.Rootref == ""
	if req.Rootref != "" {
		r.guest = req.Rootref
		s.batch.SetField(uint64(req.ID), guestField, []byte(req.Rootref))
	}
	awaited := !c.Msg.Is(message.FlagNoResponse) || r.namespace && len(s.watch.byJob[req.ID]) > 0
	s.behind(awaited, func() {
		if r.namespace {
			s.guestReady(req.ID)
		}
		c.Respond(nil)
	})
}
