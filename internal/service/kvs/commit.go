// SPDX-License-Identifier: LGPL-3.0-or-later

package kvs

import (
	"syscall"

	core "goflux/internal/core/kvs"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/treeobj"
)

func (s *kvs) commit(c *service.Call, r *rpc.KVSCommit) {
	ops, err := s.operations(c, r)
	if err != nil {
		c.Fail(err)
		return
	}
	if _, err := s.space(c, r.Namespace); err != nil {
		c.Fail(err)
		return
	}
	s.commits.add(float64(len(ops)))
	id := s.keep(c)
	if logs := jobLogs(r); len(logs) > 0 {
		s.jobLogs[id] = logs
	}
	if err := s.m.Commit(r.Namespace, &core.Transaction{ID: id, Ops: ops, Flags: r.Flags}); err != nil {
		s.take(id)
		delete(s.jobLogs, id)
		c.Fail(err)
	}
}

// operations checks a transaction's operations.
func (s *kvs) operations(c *service.Call, r *rpc.KVSCommit) ([]core.Op, error) {
	if r.Namespace == "" {
		return nil, message.Errorf(syscall.EPROTO, "kvs.commit: no namespace")
	}
	ops := make([]core.Op, len(r.Ops))
	for i := range r.Ops {
		op := &r.Ops[i]
		if !op.Dirent.Given || op.Key == "" {
			return nil, message.Errorf(syscall.EPROTO, "could not decode commit operation")
		}
		if !c.Cred().IsOwner() {
			if err := guestMay(op.Dirent.Object); err != nil {
				return nil, err
			}
		}
		ops[i] = core.Op{Key: op.Key, Flags: op.Flags, Object: op.Dirent.Object}
	}
	return ops, nil
}

// guestMay refuses what could show a guest blobs of others, or lead others
// astray: references and links.
func guestMay(o treeobj.Object) error {
	switch o := o.(type) {
	case nil, treeobj.Val:
		return nil
	case *treeobj.Dir:
		if o.Len() == 0 {
			return nil
		}
		return message.Errorf(syscall.EPERM, "guests may not commit non-empty dir objects")
	}
	return message.Errorf(syscall.EPERM, "guests may not commit %s objects", o.Kind())
}

// space returns the namespace if the caller may use it. EOPNOTSUPP when it is
// not there, EPERM when it is another's.
func (s *kvs) space(c *service.Call, name string) (core.Info, error) {
	ns, err := s.m.Namespace(name)
	if err == nil {
		err = c.Cred().Authorize(ns.Owner)
	}
	return ns, err
}

// done answers the transactions of a run.
func (s *kvs) done(d *core.Done) {
	resp := &rpc.KVSRoot{Rootref: d.Root, Rootseq: d.Seq}
	for _, id := range d.IDs {
		c := s.take(id)
		switch {
		case id == s.saving:
			s.finish(d.Err)
		case c == nil: // a periodic checkpoint
			if d.Err != nil && message.Errno(d.Err) != syscall.ENOSYS {
				s.h.Log().Error("saving a checkpoint failed", "err", d.Err)
			}
		case d.Err != nil:
			c.Fail(d.Err)
		default:
			c.Respond(resp)
			s.tellJobLogs(s.jobLogs[id])
		}
		delete(s.jobLogs, id)
	}
}

// persist makes a root durable with its blobs, as far as this instance keeps
// its promises beyond its own life.
func (s *kvs) persist(p *core.Persist) {
	req := &rpc.ContentCommit{Blobs: contentBlobs(p.Blobs), Wait: s.lasting || p.Sync, Sync: p.Sync}
	switch {
	case p.Namespace == core.Primary && (s.lasting || p.Sync):
		req.Checkpoint = s.checkpoint(p.Root, p.Seq)
		req.Advance = !p.Sync
	case p.Namespace != core.Primary && s.lasting:
		delete(s.fleeting, p.Namespace)
		req.Roots = map[string][]byte{p.Namespace: rootRecord(core.Info{
			Name: p.Namespace, Owner: p.Owner, Flags: p.Flags, Root: p.Root, Seq: p.Seq,
		})}
	}
	run := p.Run
	s.save(req, func(err error) { s.m.Persisted(run, err) })
}

func (s *kvs) save(req *rpc.ContentCommit, fn func(error)) {
	s.h.Request(service.Request{Topic: "content.commit", NodeID: 0, Payload: req}, func(m *message.Message) { fn(m.Err()) })
}

func contentBlobs(blobs []core.Blob) []rpc.ContentBlob {
	out := make([]rpc.ContentBlob, len(blobs))
	for i, b := range blobs {
		_, digest, err := treeobj.ParseBlobref(b.Ref)
		if err != nil {
			panic("kvs: made a reference that is none: " + b.Ref)
		}
		out[i] = rpc.ContentBlob{Hash: string(digest), Data: b.Data}
	}
	return out
}
