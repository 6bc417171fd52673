// SPDX-License-Identifier: LGPL-3.0-or-later

package kvswatch_test

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service/content"
	"goflux/internal/service/kvs"
	"goflux/internal/service/kvswatch"
	"goflux/internal/testkit/host"
	"goflux/treeobj"
)

const (
	watch, create, full, uniq, appending, stream, sentinel = 4, 8, 64, 128, 256, 512, 1024

	primary = "primary"
)

type instance struct {
	*host.Broker
	*host.Caller
	t *testing.T
}

func start(t *testing.T) *instance {
	b := host.Start(t, host.Options{Attrs: map[string]string{"statedir-cleanup": "1"}})
	b.Load(content.Service())
	b.Load(kvs.Leader())
	b.Load(kvswatch.Leader())
	return &instance{b, b.Owner(), t}
}

func (i *instance) put(ns string, ops ...rpc.KVSOp) {
	i.t.Helper()
	if err := i.RPC("kvs.commit", &rpc.KVSCommit{Namespace: ns, Flags: 1, Ops: ops}, nil); err != nil {
		i.t.Fatal(err)
	}
}

func (i *instance) namespace(ns string, owner int64) {
	i.t.Helper()
	empty := treeobj.Blobref(treeobj.SHA1, treeobj.Encode(treeobj.NewDir()))
	if err := i.RPC("kvs.namespace-create", rpc.KVSNamespaceCreate{Namespace: ns, Owner: owner, Rootref: empty}, nil); err != nil {
		i.t.Fatal(err)
	}
}

func val(key, s string) rpc.KVSOp { return rpc.KVSPut(key, treeobj.Val{Data: []byte(s)}) }

func add(key, s string) rpc.KVSOp {
	op := val(key, s)
	op.Flags = 32
	return op
}

func (i *instance) look(ns, key string, flags int) *host.Stream {
	return i.Stream("kvs-watch.lookup", rpc.KVSLookup{Namespace: ns, Key: key, Flags: flags})
}

// text shows an answer.
func text(m *message.Message) string {
	if err := m.Err(); err != nil {
		return fmt.Sprint("errno ", int(message.Errno(err)))
	}
	if !m.HasPayload() {
		return "sentinel"
	}
	var v rpc.KVSValue
	if err := m.Decode(&v); err != nil {
		return err.Error()
	}
	if val, ok := v.Val.Object.(treeobj.Val); ok {
		return string(val.Data)
	}
	return string(v.Val.Kind())
}

func (i *instance) expect(s *host.Stream, want ...string) {
	i.t.Helper()
	for _, w := range want {
		if got := text(s.Next()); got != w {
			i.t.Fatalf("got %s, want %s", got, w)
		}
	}
}

// settled waits until everything under way has been handled, by a round trip
// through what handles it.
func (i *instance) settled(s *host.Stream) {
	i.t.Helper()
	for range 3 {
		for _, topic := range []string{"kvs.stats-get", "kvs-watch.stats-get", "content.stats-get"} {
			_, _ = i.Call(topic, nil)
		}
	}
	if !s.Idle() {
		i.t.Fatalf("unexpected answer %s", text(s.Next()))
	}
}

func (i *instance) watchers() int {
	var st rpc.KVSWatchStats
	if err := i.RPC("kvs-watch.stats-get", nil, &st); err != nil {
		i.t.Fatal(err)
	}
	n := 0
	for _, ns := range st.Namespaces {
		n += ns.Watchers
	}
	if n != st.Watchers || st.Count != len(st.Namespaces) {
		i.t.Errorf("stats do not agree: %+v", st)
	}
	return n
}

func TestWatch(t *testing.T) {
	i := start(t)
	i.put(primary, val("a.b", "1"), val("c", "x"))
	s := i.look(primary, "a...b", watch)
	i.expect(s, "1")
	i.put(primary, val("c", "y"))
	i.settled(s)
	for n := range 20 {
		i.put(primary, val("a.b", fmt.Sprint(n/2)))
	}
	for n := range 20 {
		i.expect(s, fmt.Sprint(n/2))
	}
	i.put(primary, rpc.KVSUnlink("a.b"))
	i.expect(s, "errno 2")
	if n := i.watchers(); n != 0 {
		t.Errorf("%d watchers left", n)
	}
}

func TestUniqAndFull(t *testing.T) {
	i := start(t)
	i.put(primary, val("d.a", "1"), val("e.a", "2"))
	u, f := i.look(primary, "d.a", watch|uniq), i.look(primary, "d.a", watch|full)
	i.expect(u, "1")
	i.expect(f, "1")
	i.put(primary, val("d.a", "1"))
	i.put(primary, val("unrelated", "1"))
	i.put(primary, rpc.KVSPut("d", treeobj.Symlink{Target: "e"}))
	i.expect(f, "2")
	i.settled(u)
	i.put(primary, val("d.a", "3"))
	i.expect(u, "3")
	i.expect(f, "3")
	i.put(primary, rpc.KVSUnlink("e"))
	i.expect(f, "errno 2")
	i.settled(u)
}

func TestWaitCreate(t *testing.T) {
	i := start(t)
	once := i.Send("kvs-watch.lookup", rpc.KVSLookup{Namespace: primary, Key: "k", Flags: create}, 0)
	later := i.look("later", "k", create|watch)
	plain := i.look("none", "k", watch)
	i.expect(plain, "errno 95")
	i.expect(i.look(primary, "k", watch), "errno 2")
	i.settled(once)
	i.put(primary, val("k", "1"))
	i.expect(once, "1")
	i.namespace("later", -1)
	i.settled(later)
	i.put("later", val("k", "2"))
	i.expect(later, "2")
	if err := i.RPC("kvs.namespace-remove", rpc.KVSNamespaceRemove{Namespace: "later"}, nil); err != nil {
		t.Fatal(err)
	}
	i.expect(later, "errno 95")
	if n := i.watchers(); n != 0 {
		t.Errorf("%d watchers left", n)
	}
}

func TestAppend(t *testing.T) {
	i := start(t)
	i.put(primary, val("log", "a"))
	s := i.look(primary, "log", watch|appending|sentinel)
	i.expect(s, "a", "sentinel")
	i.put(primary, add("log", "b"), add("log", "c"))
	i.put(primary, add("log", ""))
	i.put(primary, add("log", "d"))
	i.expect(s, "b", "c", "", "d")
	late := i.look(primary, "log", watch|appending|sentinel)
	i.expect(late, "a", "b", "c", "", "d", "sentinel")
	i.put(primary, val("log", strings.Repeat("n", 99)))
	i.expect(s, "errno 22")
	i.put(primary, rpc.KVSPut("dir", treeobj.NewDir()))
	i.expect(i.look(primary, "dir", watch|appending), "errno 21")
	fresh := i.look(primary, "new", watch|appending|create|sentinel)
	i.expect(fresh, "sentinel")
	i.put(primary, add("new", "1"))
	i.put(primary, add("new", "2"))
	i.expect(fresh, "1", "2")
	i.put(primary, rpc.KVSUnlink("new"))
	i.expect(fresh, "errno 2")
}

func TestStream(t *testing.T) {
	i := start(t)
	var want []string
	for n := range 200 { // more than are loaded at once
		i.put(primary, add("v", fmt.Sprint(n)))
		want = append(want, fmt.Sprint(n))
	}
	i.expect(i.look(primary, "v", stream), append(want, "errno 61")...)
	i.put(primary, val("single", "1"))
	i.expect(i.look(primary, "single", stream), "1", "errno 61")
	i.expect(i.look(primary, "none", stream), "errno 2")
	s := i.look(primary, "later", stream|create)
	i.settled(s)
	i.put(primary, val("later", "1"))
	i.expect(s, "1", "errno 61")
}

func TestCancelAndDisconnect(t *testing.T) {
	i := start(t)
	i.put(primary, val("a", "1"))
	s := i.look(primary, "a", watch)
	i.expect(s, "1")
	other := i.Owner()
	other.Send("kvs-watch.cancel", rpc.KVSCancel{Matchtag: s.Matchtag}, message.FlagNoResponse)
	if i.watchers() != 1 {
		t.Error("another client cancelled the watch")
	}
	i.Send("kvs-watch.cancel", rpc.KVSCancel{Matchtag: s.Matchtag}, message.FlagNoResponse)
	i.expect(s, "errno 61")
	w := i.look("none", "a", create)
	for range 3 {
		i.expect(i.look(primary, "a", create|watch), "1")
	}
	if n := i.watchers(); n != 4 {
		t.Errorf("%d watchers", n)
	}
	i.Caller.Disconnect("kvs-watch")
	if n := i.watchers(); n != 0 {
		t.Errorf("%d watchers left", n)
	}
	i.settled(w)
}

func TestPermissions(t *testing.T) {
	i := start(t)
	i.namespace("g", 42)
	i.put("g", val("a", "1"), rpc.KVSPut("out", treeobj.Symlink{Namespace: primary, Target: "a"}))
	i.put(primary, val("a", "secret"))
	for _, tc := range []struct {
		user    uint32
		ns, key string
		want    string
	}{
		{42, "g", "a", "1"}, {43, "g", "a", "errno 1"}, {42, primary, "a", "errno 1"}, {42, "g", "out", "errno 1"},
	} {
		s := i.Guest(tc.user).Stream("kvs-watch.lookup", rpc.KVSLookup{Namespace: tc.ns, Key: tc.key, Flags: watch})
		i.expect(s, tc.want)
	}
}

func TestFlags(t *testing.T) {
	i := start(t)
	for flags, want := range map[int]syscall.Errno{
		watch | stream: syscall.EINVAL, full: syscall.EINVAL, watch | sentinel: syscall.EINVAL,
	} {
		if err := i.look(primary, "a", flags).Next().Err(); !errors.Is(err, want) {
			t.Errorf("flags %d: %v", flags, err)
		}
	}
	for _, flags := range []int{watch, stream} {
		if err := i.RPC("kvs-watch.lookup", rpc.KVSLookup{Namespace: primary, Key: "a", Flags: flags}, nil); !errors.Is(err, syscall.EPROTO) {
			t.Errorf("unary with flags %d: %v", flags, err)
		}
	}
}
