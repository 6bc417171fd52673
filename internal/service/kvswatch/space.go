// SPDX-License-Identifier: LGPL-3.0-or-later

package kvswatch

import (
	"syscall"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// space is a namespace that somebody watches.
type space struct {
	s        *watch
	name     string
	feed     *service.Pending
	known    bool // the feed has answered
	last     rpc.KVSVersion
	watchers map[*watcher]struct{}
	byKey    map[string]map[*watcher]struct{}
	full     map[*watcher]struct{} // those that look at every version
}

func newSpace(s *watch, name string) *space {
	sp := &space{
		s: s, name: name,
		watchers: map[*watcher]struct{}{},
		byKey:    map[string]map[*watcher]struct{}{},
		full:     map[*watcher]struct{}{},
	}
	s.spaces[name] = sp
	sp.feed = s.h.Request(service.Request{
		Topic: "kvs.versions", NodeID: 0, Flags: message.FlagStreaming, Payload: rpc.KVSVersions{Namespace: name},
	}, sp.fed)
	return sp
}

// there reports whether the namespace exists.
func (sp *space) there() bool { return sp.last.Rootref != "" }

// fed takes a version from the service kvs, or the end of the namespace.
func (sp *space) fed(m *message.Message) {
	if err := m.Err(); err != nil {
		for w := range sp.watchers {
			w.end(err)
		}
		return
	}
	var v rpc.KVSVersion
	if err := m.Decode(&v); err != nil {
		sp.s.h.Log().Error("malformed version", "namespace", sp.name, "err", err)
		return
	}
	first := !sp.known
	sp.known, sp.last = true, v
	switch {
	case !sp.there():
		for w := range sp.watchers {
			w.missing()
		}
	case first || v.Keys == nil:
		for w := range sp.watchers {
			w.offer(v)
		}
	default:
		sp.offer(v)
	}
}

// offer shows a version to those whose key changed, and to those who look at
// all.
func (sp *space) offer(v rpc.KVSVersion) {
	for w := range sp.full {
		w.offer(v)
	}
	for key := range v.Keys {
		for w := range sp.byKey[key] {
			w.offer(v)
		}
	}
}

func (sp *space) add(w *watcher) {
	w.space = sp
	sp.watchers[w] = struct{}{}
	if w.flags&flagFull != 0 {
		sp.full[w] = struct{}{}
	} else {
		if sp.byKey[w.key] == nil {
			sp.byKey[w.key] = map[*watcher]struct{}{}
		}
		sp.byKey[w.key][w] = struct{}{}
	}
	switch {
	case !sp.known:
	case sp.there():
		w.offer(sp.last)
	default:
		w.missing()
	}
}

func (sp *space) remove(w *watcher) {
	delete(sp.watchers, w)
	delete(sp.full, w)
	if set := sp.byKey[w.key]; set != nil {
		delete(set, w)
		if len(set) == 0 {
			delete(sp.byKey, w.key)
		}
	}
	if len(sp.watchers) == 0 && sp.s.spaces[sp.name] == sp {
		delete(sp.s.spaces, sp.name)
		sp.feed.Forget()
		sp.s.h.Request(service.Request{
			Topic: "kvs.cancel", NodeID: 0, Payload: rpc.KVSCancel{Matchtag: sp.feed.Matchtag},
		}, nil)
	}
}

// errGone is what watchers of a namespace that is not there get.
const errGone = syscall.EOPNOTSUPP
