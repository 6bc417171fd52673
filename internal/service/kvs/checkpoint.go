// SPDX-License-Identifier: LGPL-3.0-or-later

package kvs

import (
	"errors"
	"syscall"
	"time"

	core "goflux/internal/core/kvs"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// checkpoint is the JSON of a checkpoint of the primary namespace (RFC 11).
func (s *kvs) checkpoint(root string, seq int) []byte {
	now := float64(s.h.Now().UnixNano()) / float64(time.Second)
	return encode(rpc.Checkpoint{Version: 1, Rootref: root, Sequence: seq, Timestamp: now})
}

// rootRecord is what is kept of a namespace other than the primary one.
func rootRecord(i core.Info) []byte { return encode(getrootResponse(i)) }

func encode(v any) []byte {
	b, err := message.Marshal(v)
	if err != nil {
		panic(err) // plain structs can be encoded
	}
	return b
}

// Start implements service.Starter: the namespaces are as they were saved.
func (s *kvs) Start() {
	s.ask("content.checkpoint-get", func(m *message.Message) {
		root, seq, err := latest(m)
		if err != nil {
			s.h.Fail(err)
			return
		}
		s.ask("content-backing.roots-get", func(m *message.Message) {
			var saved rpc.ContentRoots
			err := m.Err()
			if err == nil {
				err = m.Decode(&saved)
			}
			if err != nil && !errors.Is(err, syscall.ENOSYS) {
				s.h.Fail(message.Errorf(message.Errno(err), "reading the saved namespaces: %v", err))
				return
			}
			s.restore(root, seq, saved.Roots)
		})
	})
}

func (s *kvs) ask(topic string, fn func(*message.Message)) {
	s.h.Request(service.Request{Topic: topic, NodeID: 0}, fn)
}

// latest is the newest checkpoint, an empty root when there is none. Only when
// it is certain that there is none: to begin afresh after an I/O error would
// be to lose everything.
func latest(m *message.Message) (root string, seq int, err error) {
	if err := m.Err(); err != nil {
		if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ENOSYS) {
			return "", 0, nil
		}
		return "", 0, message.Errorf(message.Errno(err), "reading the checkpoint: %v", err)
	}
	var list rpc.CheckpointGet
	if err := m.Decode(&list); err != nil {
		return "", 0, err
	}
	if len(list.Value) == 0 {
		return "", 0, nil
	}
	var cp rpc.Checkpoint
	if err := message.Unmarshal(list.Value[0], &cp); err != nil {
		return "", 0, message.Errorf(syscall.EPROTO, "the newest checkpoint is malformed: %v", err)
	}
	return cp.Rootref, cp.Sequence, nil
}

// restore enters the namespaces and lets requests in.
func (s *kvs) restore(root string, seq int, saved map[string][]byte) {
	empty := s.m.EmptyRoot()
	if s.opt.rootref != "" {
		root = s.opt.rootref
	}
	if root == "" {
		root, seq = empty.Ref, 0
	} else {
		s.h.Log().Info("restored KVS from checkpoint", "rootref", root, "sequence", seq)
	}
	if err := s.m.CreateNamespace(core.Info{Name: core.Primary, Owner: s.owner, Root: root, Seq: seq}); err != nil {
		s.h.Fail(message.Errorf(message.Errno(err), "restoring the checkpoint: %v", err))
		return
	}
	for name, b := range saved {
		var r rpc.KVSGetrootResponse
		err := message.Unmarshal(b, &r)
		if err == nil {
			err = s.m.CreateNamespace(core.Info{Name: name, Owner: uint32(r.Owner), Flags: r.Flags, Root: r.Rootref, Seq: r.Rootseq})
		}
		if err != nil {
			s.h.Log().Error("a saved namespace is lost", "namespace", name, "err", err)
		}
	}
	s.saved = seq
	s.persistEmpty(empty)
}

// persistEmpty stores the empty directory, from which namespaces are made.
func (s *kvs) persistEmpty(empty core.Blob) {
	req := &rpc.ContentCommit{Blobs: contentBlobs([]core.Blob{empty}), Wait: s.lasting}
	s.save(req, func(err error) {
		if err != nil {
			s.h.Fail(message.Errorf(message.Errno(err), "storing the empty directory: %v", err))
			return
		}
		s.schedule()
		s.h.SetRunning()
		s.letIn()
	})
}

// schedule starts the periodic checkpoints anew.
func (s *kvs) schedule() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if s.period <= 0 {
		return
	}
	s.timer = s.h.After(s.period, func() {
		s.timer = nil
		s.periodic()
		s.schedule()
	})
}

// periodic saves a checkpoint if something has changed since the last.
func (s *kvs) periodic() {
	ns, err := s.m.Namespace(core.Primary)
	if err != nil || ns.Seq == s.saved {
		return
	}
	s.saved = ns.Seq
	s.lastID++
	if err := s.m.Checkpoint(s.lastID); err != nil {
		s.h.Log().Error("saving a checkpoint failed", "err", err)
	}
}

// stopPatience is how long unloading waits for the last checkpoint.
const stopPatience = 30 * time.Second

// StopAsync implements service.AsyncStopper: the last root is saved.
func (s *kvs) StopAsync(done func()) {
	s.stopped = done
	s.keepFleeting()
	s.lastID++
	s.saving = s.lastID
	if err := s.m.Checkpoint(s.saving); err != nil { // it never got to run
		s.finish(nil)
		return
	}
	s.h.After(stopPatience, func() { s.finish(syscall.ETIMEDOUT) })
	s.advance()
}

// keepFleeting saves the namespaces that would be made again after a restart of
// the instance, which that of a module is not.
func (s *kvs) keepFleeting() {
	if !s.lasting || len(s.fleeting) == 0 {
		return
	}
	roots := map[string][]byte{}
	for name := range s.fleeting {
		if ns, err := s.m.Namespace(name); err == nil {
			roots[name] = rootRecord(ns)
		}
	}
	s.save(&rpc.ContentCommit{Roots: roots}, func(error) {}) // reported by content
}

// finish ends the unloading. That there is no backing store is no error.
func (s *kvs) finish(err error) {
	if s.stopped == nil {
		return
	}
	if err != nil && message.Errno(err) != syscall.ENOSYS {
		s.h.Log().Error("saving the last checkpoint failed", "err", err)
	}
	s.stopped()
	s.stopped = nil
}
