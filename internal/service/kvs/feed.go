// SPDX-License-Identifier: LGPL-3.0-or-later

package kvs

import (
	"syscall"

	core "goflux/internal/core/kvs"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// follow opens a stream of a namespace's versions.
func (s *kvs) follow(c *service.Call, r *rpc.KVSVersions) {
	if !c.Streaming() {
		c.Fail(syscall.EPROTO)
		return
	}
	f := s.feeds[r.Namespace]
	if f == nil {
		f = &service.Streams[struct{}]{}
		s.feeds[r.Namespace] = f
	}
	f.Add(c, struct{}{})
	var first rpc.KVSVersion
	if ns, err := s.m.Namespace(r.Namespace); err == nil {
		first = rpc.KVSVersion{Owner: ns.Owner, Rootref: ns.Root, Rootseq: ns.Seq}
	}
	c.Respond(&first)
}

func (s *kvs) publish(v *core.Version) {
	f := s.feeds[v.Namespace]
	if f == nil || f.Len() == 0 {
		return
	}
	resp := &rpc.KVSVersion{Owner: v.Owner, Rootref: v.Root, Rootseq: v.Seq, Keys: v.Keys}
	for st := range f.All() {
		st.Respond(resp)
	}
}

// cancel ends a stream of versions.
func (s *kvs) cancel(c *service.Call, r *rpc.KVSCancel) {
	for name, f := range s.feeds {
		f.Cancel(c, r.Matchtag)
		if f.Len() == 0 {
			delete(s.feeds, name)
		}
	}
}

func (s *kvs) endFeeds(name string) {
	f := s.feeds[name]
	if f == nil {
		return
	}
	delete(s.feeds, name)
	for st := range f.All() {
		f.Finish(st, syscall.EOPNOTSUPP)
	}
}
