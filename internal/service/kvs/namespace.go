// SPDX-License-Identifier: LGPL-3.0-or-later

package kvs

import (
	"syscall"

	core "goflux/internal/core/kvs"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

func getrootResponse(i core.Info) rpc.KVSGetrootResponse {
	return rpc.KVSGetrootResponse{
		Owner: int32(i.Owner), Rootseq: i.Seq, Rootref: i.Root, Flags: i.Flags, Namespace: i.Name,
	}
}

func (s *kvs) getroot(c *service.Call, r *rpc.KVSGetroot) (any, error) {
	ns, err := s.space(c, r.Namespace)
	if err != nil {
		return nil, err
	}
	return getrootResponse(ns), nil
}

// pause is a hook of flux-core's tests: it holds back new roots on one broker.
// Here no broker has roots of its own, so there is nothing to hold back.
func (s *kvs) pause(c *service.Call, r *rpc.KVSGetroot) (any, error) {
	_, err := s.space(c, r.Namespace)
	return nil, err
}

func (s *kvs) waitVersion(c *service.Call, r *rpc.KVSWaitVersion) {
	_, err := s.space(c, r.Namespace)
	if err != nil {
		c.Fail(err)
		return
	}
	id := s.keep(c)
	if err := s.m.WaitVersion(r.Namespace, r.Rootseq, id); err != nil {
		s.take(id)
		c.Fail(err)
	}
}

func (s *kvs) namespaceCreate(c *service.Call, r *rpc.KVSNamespaceCreate) {
	ns := core.Info{Name: r.Namespace, Owner: uint32(r.Owner), Flags: r.Flags, Root: r.Rootref}
	if ns.Owner == message.UserUnknown {
		ns.Owner = s.owner
	}
	if r.Namespace == "" {
		c.Fail(message.Errorf(syscall.EPROTO, "kvs.namespace-create: no name"))
		return
	}
	req := &rpc.ContentCommit{Wait: s.lasting}
	if empty := s.m.EmptyRoot(); ns.Root == "" || ns.Root == empty.Ref {
		ns.Root = empty.Ref
		req.Blobs = contentBlobs([]core.Blob{empty}) // it may have been swept
	}
	if err := s.m.CreateNamespace(ns); err != nil {
		c.Fail(err)
		return
	}
	if r.Fleeting && ns.Root == s.m.EmptyRoot().Ref {
		s.fleeting[ns.Name] = true
		c.Respond(nil)
		return
	}
	if s.lasting {
		req.Roots = map[string][]byte{ns.Name: rootRecord(ns)}
	}
	s.save(req, func(err error) {
		if err != nil {
			_, _ = s.m.RemoveNamespace(ns.Name) // it was not the primary one
			c.Fail(err)
			return
		}
		c.Respond(nil)
	})
}

// namespaceRemove removes a namespace; that there is none is no error.
func (s *kvs) namespaceRemove(c *service.Call, r *rpc.KVSNamespaceRemove) {
	if r.Namespace == "" {
		c.Fail(message.Errorf(syscall.EPROTO, "kvs.namespace-remove: no name"))
		return
	}
	var answer any
	if ns, err := s.m.Namespace(r.Namespace); err == nil && r.Rootseq != nil {
		if *r.Rootseq >= 0 && ns.Seq != *r.Rootseq {
			c.Fail(message.Errorf(syscall.ESTALE, "namespace %s is in version %d, not %d", r.Namespace, ns.Seq, *r.Rootseq))
			return
		}
		answer = getrootResponse(ns)
	}
	found, err := s.m.RemoveNamespace(r.Namespace)
	fleeting := s.fleeting[r.Namespace]
	delete(s.fleeting, r.Namespace)
	switch {
	case err != nil:
		c.Fail(err)
	case !found || !s.lasting || fleeting:
		c.Respond(answer)
	default:
		s.save(&rpc.ContentCommit{Wait: true, Roots: map[string][]byte{r.Namespace: nil}}, func(err error) {
			if err != nil {
				c.Fail(err)
				return
			}
			c.Respond(answer)
		})
	}
}

func (s *kvs) namespaceList(*service.Call, *rpc.Empty) (any, error) {
	var list rpc.KVSNamespaceList
	for _, i := range s.m.Namespaces() {
		list.Namespaces = append(list.Namespaces, rpc.KVSNamespace{Namespace: i.Name, Owner: int32(i.Owner), Flags: i.Flags})
	}
	return list, nil
}

func (s *kvs) dropCache(c *service.Call) {
	s.m.DropCache()
	c.Respond(nil)
}
