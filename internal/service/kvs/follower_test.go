// SPDX-License-Identifier: LGPL-3.0-or-later

package kvs_test

import (
	"bytes"
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

// follow adds a follower to an instance.
func follow(t *testing.T, i *instance) *host.Broker {
	f := host.Start(t, host.Options{Rank: 1, Size: 2})
	host.Link(i.Broker.Broker, f.Broker)
	f.Load(content.Service())
	f.Load(kvs.Follower())
	f.Load(kvswatch.Follower())
	i.Load(kvswatch.Leader())
	return f
}

// What is written on one broker is read on any other at once.
func TestFollower(t *testing.T) {
	i := start(t, options{lasting: true})
	f := follow(t, i)
	c := f.Owner()
	for n := range 20 {
		v := string(rune('a' + n))
		i.mustPut(primary, val("k", v))
		if got, err := get(c, primary, "k"); err != nil || got != v {
			t.Fatalf("follower reads %q (%v), want %q", got, err, v)
		}
	}
	if err := c.RPC("kvs.commit", rpc.KVSCommit{Namespace: primary, Ops: []rpc.KVSOp{val("k", "from 1")}}, nil); err != nil {
		t.Fatal(err)
	}
	i.want(primary, "k", "from 1")
	_, err := get(f.Guest(5), primary, "k")
	wantErrno(t, err, syscall.EPERM)
	var stats rpc.KVSStats
	if err := c.RPC("kvs.stats-get", nil, &stats); err != nil || stats.Opcount.Commit.Count != 0 {
		t.Errorf("a follower's statistics: %+v %v", stats, err)
	}
}

func TestFollowerWatch(t *testing.T) {
	i := start(t, options{})
	f := follow(t, i)
	i.mustPut(primary, val("k", "1"))
	watchers := func() int {
		var st rpc.KVSWatchStats
		if err := i.RPC("kvs-watch.stats-get", nil, &st); err != nil {
			t.Fatal(err)
		}
		return st.Watchers
	}
	c, d := f.Owner(), f.Owner()
	const flagWatch = 4
	s := c.Stream("kvs-watch.lookup", rpc.KVSLookup{Namespace: primary, Key: "k", Flags: flagWatch})
	other := d.Stream("kvs-watch.lookup", rpc.KVSLookup{Namespace: primary, Key: "k", Flags: flagWatch})
	for _, st := range []*host.Stream{s, other} {
		if m := st.Next(); m.Err() != nil {
			t.Fatal(m.Err())
		}
	}
	c.Send("kvs-watch.cancel", rpc.KVSCancel{Matchtag: s.Matchtag}, message.FlagNoResponse)
	wantErrno(t, s.Next().Err(), syscall.ENODATA)
	if n := watchers(); n != 1 {
		t.Errorf("%d watchers after one was cancelled", n)
	}
	d.Disconnect("kvs-watch")
	_, _ = d.Call("kvs-watch.lookup", rpc.KVSLookup{}) // refused, but it goes the same way, behind it
	if n := watchers(); n != 0 {
		t.Errorf("%d watchers after a disconnect", n)
	}
}

func TestFollowerContent(t *testing.T) {
	i := start(t, options{lasting: true})
	f := follow(t, i)
	c := f.Owner()
	data := bytes.Repeat([]byte("blob"), 5000)
	hash := treeobj.SHA1.Digest(data)
	_, err := c.Call("content.load", hash)
	wantErrno(t, err, syscall.ENOENT)
	if m, err := c.Call("content.store", data); err != nil || !bytes.Equal(m.Payload(), hash) {
		t.Fatalf("store: %v", err)
	}
	if _, err := i.st.Load(string(hash)); err != nil {
		t.Error("answered before it was durable on the leader")
	}
	if _, err := c.Call("content.dropcache", nil); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if m, err := c.Call("content.load", hash); err != nil || !bytes.Equal(m.Payload(), data) {
			t.Errorf("load: %v", err)
		}
	}
	var stats rpc.ContentStats
	if err := c.RPC("content.stats-get", nil, &stats); err != nil || stats.Count != 1 || stats.Dirty != 0 {
		t.Errorf("stats %+v %v", stats, err)
	}
	if _, err := c.Call("content.flush", nil); err != nil {
		t.Error(err)
	}
	wantErrno(t, c.RPC("content.register-backing", rpc.ContentRegister{Name: "x"}, nil), syscall.EINVAL)
}
