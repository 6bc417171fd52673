// SPDX-License-Identifier: LGPL-3.0-or-later

package kvswatch

import (
	"bytes"
	"syscall"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/treeobj"
)

// watcher is one request. It looks at one version at a time; those that come
// meanwhile wait.
type watcher struct {
	*service.Stream[*watcher]
	s     *watch
	space *space
	key   string
	flags int

	queue   []rpc.KVSVersion
	busy    bool // a lookup or loads are under way
	looked  bool // the first lookup has been made
	seq     int  // version last looked at
	over    bool
	found   bool   // an answer has been given
	last    []byte // the last answer, encoded, to compare with
	blobs   int    // blobs of the value answered so far
	greeted bool   // the sentinel has been sent
}

func (w *watcher) has(flag int) bool { return w.flags&flag != 0 }

// byBlob reports whether the answers are the blobs of a value one by one.
func (w *watcher) byBlob() bool { return w.has(flagAppend | flagStream) }

// leave forgets the watcher, whose stream has been closed.
func (w *watcher) leave() {
	if !w.over {
		w.over = true
		w.space.remove(w)
	}
}

// end answers for the last time.
func (w *watcher) end(err error) {
	if !w.over {
		w.s.watchers.Finish(w.Stream, err)
		w.leave()
	}
}

// respond gives an answer; a request that is not to be watched needs no more
// than one.
func (w *watcher) respond(o treeobj.Object) {
	w.Respond(rpc.KVSValue{Val: treeobj.JSON{Object: o}})
	w.found = true
	if !w.has(flagWatch | flagStream) {
		w.s.watchers.Remove(w.Stream)
		w.leave()
	}
}

// sentinel tells that what was there at first has been sent.
func (w *watcher) sentinel() {
	if w.has(flagSentinel) && !w.greeted && !w.over {
		w.greeted = true
		w.Respond(nil)
	}
}

// missing is told that the namespace does not exist yet.
func (w *watcher) missing() {
	if !w.has(flagCreate) {
		w.end(errGone)
	}
}

// offer shows the watcher a version.
func (w *watcher) offer(v rpc.KVSVersion) {
	w.queue = append(w.queue, v)
	w.next()
}

// next looks at the next version.
func (w *watcher) next() {
	for !w.busy && !w.over && len(w.queue) > 0 {
		v := w.queue[0]
		w.queue = w.queue[1:]
		if w.looked && v.Rootseq <= w.seq {
			continue
		}
		w.busy = true
		w.look(v)
	}
}

// look looks the key up: the first time in the namespace as it is, which checks
// the permission, later in the version at hand. The lookup is made with the
// requester's credential, in case it leads into another namespace.
func (w *watcher) look(v rpc.KVSVersion) {
	req := rpc.KVSLookup{Key: w.key, Flags: w.flags &^ (flagWatch | flagCreate | flagFull | flagUniq | flagAppend | flagStream | flagSentinel)}
	if w.byBlob() {
		req.Flags |= flagTreeObj
	}
	if !w.looked {
		req.Namespace = w.space.name
	} else {
		req.Rootdir = &treeobj.JSON{Object: treeobj.Dirref{Refs: []string{v.Rootref}}}
		req.Rootseq = &v.Rootseq
	}
	w.s.h.Request(service.Request{Topic: "kvs.lookup-plus", NodeID: 0, Payload: req, Cred: w.Cred()}, func(m *message.Message) {
		w.busy = false
		if w.over {
			return
		}
		var res rpc.KVSLookupPlus
		err := m.Err()
		if err == nil {
			err = m.Decode(&res)
		}
		if err != nil {
			w.end(err)
			return
		}
		w.seq = res.Rootseq
		w.looked = true
		w.handle(&res)
		w.next()
	})
}

// handle answers with what a lookup found.
func (w *watcher) handle(res *rpc.KVSLookupPlus) {
	switch {
	case res.Val == nil && w.has(flagCreate) && !w.found:
		w.sentinel()
	case res.Val == nil:
		w.end(syscall.ENOENT)
	case w.byBlob():
		w.appended(res.Val.Object)
	default:
		w.changed(res.Val.Object)
	}
}

// changed answers with a value, unless it is not to be told twice.
func (w *watcher) changed(o treeobj.Object) {
	if w.has(flagFull | flagUniq) {
		now := treeobj.Encode(o)
		if w.found && bytes.Equal(now, w.last) {
			return
		}
		w.last = now
	}
	w.respond(o)
}

// appended answers with the blobs that are new in a value.
func (w *watcher) appended(o treeobj.Object) {
	switch o := o.(type) {
	case treeobj.Val:
		if w.blobs > 0 {
			w.end(message.Errorf(syscall.EINVAL, "value of key watched with WATCH_APPEND overwritten"))
			return
		}
		w.blobs = 1
		w.respond(o)
		w.sent()
	case treeobj.Valref:
		if len(o.Refs) < w.blobs {
			w.end(message.Errorf(syscall.EINVAL, "key watched with WATCH_APPEND shortened"))
			return
		}
		refs := o.Refs[w.blobs:]
		w.blobs = len(o.Refs)
		w.load(refs)
	default:
		w.end(w.unsuitable(o))
	}
}

func (w *watcher) unsuitable(o treeobj.Object) error {
	if w.found {
		return syscall.EINVAL // in the system's words, as flux-core's clients show it
	}
	num := syscall.EINVAL
	if k := o.Kind(); k == treeobj.KindDir || k == treeobj.KindDirref {
		num = syscall.EISDIR
	}
	if w.has(flagAppend) {
		return message.Errorf(num, "%s cannot be watched with WATCH_APPEND", o.Kind())
	}
	return message.Errorf(num, "%s cannot be streamed", o.Kind())
}

// sent is called when all blobs of a version have been answered.
func (w *watcher) sent() {
	w.sentinel()
	if w.has(flagStream) {
		w.end(syscall.ENODATA)
	}
}

// loadsAtOnce is how many blobs of one watcher are loaded ahead of the one to
// be answered next.
const loadsAtOnce = 64

// load loads blobs and answers with each, in order.
func (w *watcher) load(refs []string) {
	if len(refs) == 0 {
		w.sent()
		return
	}
	w.busy = true
	b := &blobs{w: w, refs: refs, got: make([]*message.Message, len(refs))}
	b.more()
}

// blobs are loads under way.
type blobs struct {
	w             *watcher
	refs          []string
	got           []*message.Message
	asked, passed int
}

func (b *blobs) more() {
	for b.asked < len(b.refs) && b.asked < b.passed+loadsAtOnce {
		i := b.asked
		b.asked++
		_, digest, err := treeobj.ParseBlobref(b.refs[i])
		if err != nil {
			b.w.end(message.Errorf(syscall.EINVAL, "%v", err))
			return
		}
		b.w.s.h.Request(service.Request{Topic: "content.load", NodeID: message.NodeAny, Payload: digest}, func(m *message.Message) {
			b.got[i] = m
			b.pass()
		})
	}
}

// pass answers with the blobs that are there, as far as they are in order.
func (b *blobs) pass() {
	w := b.w
	for !w.over && b.passed < len(b.refs) && b.got[b.passed] != nil {
		m := b.got[b.passed]
		b.got[b.passed] = nil
		b.passed++
		if err := m.Err(); err != nil {
			w.end(message.Errorf(message.Errno(err), "failed to load content data: %v", err))
			return
		}
		data := m.Payload()
		if data == nil {
			data = []byte{}
		}
		w.respond(treeobj.Val{Data: data})
	}
	if w.over {
		return
	}
	if b.passed < len(b.refs) {
		b.more()
		return
	}
	w.busy = false
	w.sent()
	w.next()
}
