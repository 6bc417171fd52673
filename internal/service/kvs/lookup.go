// SPDX-License-Identifier: LGPL-3.0-or-later

package kvs

import (
	"strings"
	"syscall"

	core "goflux/internal/core/kvs"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/treeobj"
)

func (s *kvs) lookup(c *service.Call, r *rpc.KVSLookup) {
	s.find(c, r, func(res core.Result) {
		switch {
		case res.Err != nil:
			c.Fail(res.Err)
		case res.Object == nil:
			c.Fail(syscall.ENOENT)
		default:
			c.Respond(rpc.KVSValue{Val: treeobj.JSON{Object: res.Object}})
		}
	})
}

// lookupPlus tells in which version it looked, also when it found nothing.
func (s *kvs) lookupPlus(c *service.Call, r *rpc.KVSLookup) {
	s.find(c, r, func(res core.Result) {
		if res.Err != nil {
			c.Fail(res.Err)
			return
		}
		resp := rpc.KVSLookupPlus{Rootseq: res.Seq, Rootref: res.Root}
		if res.Object == nil {
			resp.Errno = int(syscall.ENOENT)
		} else {
			resp.Val = &treeobj.JSON{Object: res.Object}
		}
		c.Respond(resp)
	})
}

// find looks a key up, in the tree or, failing that, in the views.
func (s *kvs) find(c *service.Call, r *rpc.KVSLookup, fn func(core.Result)) {
	q := &core.Lookup{Namespace: r.Namespace, Key: r.Key, Flags: r.Flags, Cred: c.Cred(), Seq: -1}
	switch {
	case r.Key == "" || r.Namespace == "" && r.Rootdir == nil:
		fn(core.Result{Err: message.Errorf(syscall.EPROTO, "%s needs a key, and a namespace or a root", c.Msg.Topic)})
		return
	case r.Rootdir != nil:
		ref, ok := r.Rootdir.Object.(treeobj.Dirref)
		if !ok || len(ref.Refs) != 1 {
			fn(core.Result{Err: message.Errorf(syscall.EINVAL, "rootdir is not a dirref")})
			return
		}
		q.Root = ref.Refs[0]
		if r.Rootseq != nil {
			q.Seq = *r.Rootseq
		}
	}
	q.Tag = func(res core.Result) {
		if view, ok := viewKey(q, res); ok && c.Cred().IsOwner() {
			s.view(c, view, res, fn)
			return
		}
		fn(res)
	}
	if res, ok := s.m.Find(q); ok {
		q.Tag.(func(core.Result))(res)
		return
	}
	s.lookups++
}

// viewKey is the request for a key that the tree does not have, when it is one
// that another service shows.
func viewKey(q *core.Lookup, res core.Result) (view *rpc.KVSView, ok bool) {
	if res.Err != nil || res.Object != nil || q.Flags&core.LookupTreeOnly != 0 || q.Namespace != core.Primary && q.Namespace != "" {
		return nil, false
	}
	first, rest, _ := strings.Cut(core.Normalize(q.Key), ".")
	switch {
	case first == "checkpoint" && rest == "job-manager":
		return &rpc.KVSView{Checkpoint: true, Flags: q.Flags}, true
	case first != "job":
		return nil, false
	}
	view = &rpc.KVSView{Flags: q.Flags}
	if rest != "" {
		view.Key = strings.Split(rest, ".")
	}
	return view, true
}

// view asks the service that has the jobs.
func (s *kvs) view(c *service.Call, view *rpc.KVSView, res core.Result, fn func(core.Result)) {
	s.lookups++
	req := service.Request{Topic: "job-info.kvs-view", NodeID: 0, Payload: view}
	s.h.Request(req, func(m *message.Message) {
		s.lookups--
		var v rpc.KVSViewed
		err := m.Err()
		if err == nil {
			err = m.Decode(&v)
		}
		switch num := message.Errno(err); {
		case err == nil && (v.Root != "" || v.Namespace != ""):
			s.continued(c, &v, view.Flags, res, fn)
			return
		case err == nil:
			res.Object = v.Object
		case num != syscall.ENOENT && num != syscall.ENOSYS:
			res.Err = err
		}
		fn(res)
	})
}

// continued looks up the rest of a key that a view left to the tree.
func (s *kvs) continued(c *service.Call, v *rpc.KVSViewed, flags int, res core.Result, fn func(core.Result)) {
	key := strings.Join(v.Rest, ".")
	if key == "" {
		key = "."
	}
	q := &core.Lookup{Namespace: v.Namespace, Root: v.Root, Key: key, Flags: flags, Cred: c.Cred(), Seq: -1}
	q.Tag = func(found core.Result) {
		dir, merge := v.Object.(*treeobj.Dir)
		switch {
		case v.Object == nil:
			res.Object, res.Err = found.Object, found.Err
		case merge && found.Err == nil:
			res.Object = merged(dir, found.Object)
		default: // what the view has is there all the same
			res.Object = v.Object
		}
		fn(res)
	}
	if found, ok := s.m.Find(q); ok {
		q.Tag.(func(core.Result))(found)
		return
	}
	s.lookups++
}

// merged is a directory with the entries of another added to its own.
func merged(dir *treeobj.Dir, other treeobj.Object) *treeobj.Dir {
	more, ok := other.(*treeobj.Dir)
	if !ok {
		return dir
	}
	all := more.Clone()
	for name, o := range dir.All() {
		all.Set(name, o)
	}
	return all
}
