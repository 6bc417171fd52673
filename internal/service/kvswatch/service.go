// SPDX-License-Identifier: LGPL-3.0-or-later

package kvswatch

import (
	"syscall"

	core "goflux/internal/core/kvs"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// Flags of a lookup, as on the wire.
const (
	flagWatch    = 4
	flagCreate   = 8 // wait until the key is there
	flagTreeObj  = 16
	flagFull     = 64 // see changes that come from above the key
	flagUniq     = 128
	flagAppend   = 256 // answer with what has been appended
	flagStream   = 512 // answer blob by blob, once
	flagSentinel = 1024
)

// Leader is the registration on the leader.
func Leader() *service.Registration {
	return &service.Registration{
		Name: "kvs-watch",
		New: func(h service.Host, _ []string) (any, error) {
			return &watch{h: h, spaces: map[string]*space{}}, nil
		},
		Methods: []service.Method{
			service.Deferred("kvs-watch.lookup", service.Guests, (*watch).lookup),
			service.Deferred("kvs-watch.cancel", service.Guests, (*watch).cancel),
		},
	}
}

// Follower is the registration on the other brokers, which pass requests on.
func Follower() *service.Registration {
	return &service.Registration{
		Name:  "kvs-watch",
		Relay: true,
		New:   func(service.Host, []string) (any, error) { return follower{}, nil },
	}
}

type follower struct{}

// Stats implements service.Statser: a relay has none of its own.
func (follower) Stats() any {
	return rpc.KVSWatchStats{Namespaces: map[string]rpc.KVSWatchNamespaceStat{}}
}

// watch is the leader's instance.
type watch struct {
	h        service.Host
	watchers service.Streams[*watcher]
	spaces   map[string]*space
}

// check refuses combinations of flags that mean nothing.
func check(c *service.Call, r *rpc.KVSLookup) error {
	const watchFlags = flagFull | flagUniq | flagAppend | flagSentinel
	has := func(f int) bool { return r.Flags&f != 0 }
	switch {
	case r.Key == "" || r.Namespace == "":
		return message.Errorf(syscall.EPROTO, "kvs-watch.lookup needs a key and a namespace")
	case has(flagWatch) && !c.Streaming():
		return message.Errorf(syscall.EPROTO, "KVS watch request rejected without streaming RPC flag")
	case has(flagStream) && !c.Streaming():
		return message.Errorf(syscall.EPROTO, "KVS stream request rejected without streaming RPC flag")
	case has(flagWatch) && has(flagStream):
		return message.Errorf(syscall.EINVAL, "Cannot KVS watch and stream at the same time")
	case !has(flagWatch) && has(watchFlags):
		return message.Errorf(syscall.EINVAL, "Must set KVS watch flag with other watch flags")
	case !has(flagAppend) && has(flagSentinel):
		return message.Errorf(syscall.EINVAL, "Must set KVS watch append flag with initial sentinel flag")
	}
	return nil
}

func (s *watch) lookup(c *service.Call, r *rpc.KVSLookup) {
	if err := check(c, r); err != nil {
		c.Fail(err)
		return
	}
	w := &watcher{s: s, key: core.Normalize(r.Key), flags: r.Flags}
	w.Stream = s.watchers.Add(c, w)
	sp := s.spaces[r.Namespace]
	if sp == nil {
		sp = newSpace(s, r.Namespace)
	}
	sp.add(w)
}

func (s *watch) cancel(c *service.Call, r *rpc.KVSCancel) {
	if st := s.watchers.Find(c.Msg.Sender(), r.Matchtag); st != nil {
		st.State.end(syscall.ENODATA)
	}
}

// Disconnect implements service.Disconnecter.
func (s *watch) Disconnect(sender string) {
	s.watchers.Disconnect(sender, func(st *service.Stream[*watcher]) { st.State.leave() })
}

// Stats implements service.Statser.
func (s *watch) Stats() any {
	out := rpc.KVSWatchStats{Watchers: s.watchers.Len(), Count: len(s.spaces), Namespaces: map[string]rpc.KVSWatchNamespaceStat{}}
	for name, sp := range s.spaces {
		st := rpc.KVSWatchNamespaceStat{Owner: int32(sp.last.Owner), Rootseq: sp.last.Rootseq, Rootref: sp.last.Rootref, Watchers: len(sp.watchers)}
		if !sp.there() {
			st.Owner, st.Rootseq, st.Rootref = -1, -1, "(null)"
		}
		out.Namespaces[name] = st
	}
	return out
}
