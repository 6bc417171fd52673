// SPDX-License-Identifier: LGPL-3.0-or-later

package contentsqlite_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service/content"
	"goflux/internal/service/contentsqlite"
	"goflux/internal/store"
	"goflux/internal/testkit/host"
	"goflux/treeobj"

	"github.com/go-json-experiment/json/jsontext"
)

// start runs content and content-sqlite over a fresh database.
func start(t *testing.T, lasting bool, hook func(string) error) (*host.Broker, *store.Store) {
	t.Helper()
	st, err := store.Open(filepath.Join(t.TempDir(), store.FileName), store.Options{Lasting: lasting, Hook: hook})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	cleanup := "1"
	if lasting {
		cleanup = "0"
	}
	b := host.Start(t, host.Options{
		Attrs:  map[string]string{"statedir-cleanup": cleanup},
		Shared: map[string]any{"store": st},
	})
	return b, st
}

func wantErrno(t *testing.T, err error, num syscall.Errno) {
	t.Helper()
	if !errors.Is(err, num) {
		t.Errorf("got error %v, want %v", err, num)
	}
}

func digest(data []byte) []byte { return treeobj.SHA1.Digest(data) }

func TestStoreAndLoad(t *testing.T) {
	b, st := start(t, true, nil)
	b.Load(content.Service(), "blob-size-limit=2000000")
	c := b.Owner()
	early := []byte("before there was a backing store")
	if _, err := c.Call("content.store", early); err != nil {
		t.Fatal(err)
	}
	_, err := c.Call("content.flush", nil)
	wantErrno(t, err, syscall.ENOSYS)
	b.Load(contentsqlite.Service())
	if _, err := c.Call("content.flush", nil); err != nil {
		t.Fatal(err)
	}
	for _, data := range [][]byte{early, {}, []byte("x"), bytes.Repeat([]byte("abc"), 300000)} {
		m, err := c.Call("content.store", data)
		if err != nil || !bytes.Equal(m.Payload(), digest(data)) {
			t.Fatalf("store of %d bytes: %x %v", len(data), m.Payload(), err)
		}
		if _, err := st.Load(string(digest(data))); err != nil {
			t.Errorf("%d bytes answered before they were durable", len(data))
		}
		for _, topic := range []string{"content.load", "content-backing.load"} {
			if m, err := c.Call(topic, digest(data)); err != nil || !bytes.Equal(m.Payload(), data) {
				t.Errorf("%s of %d bytes: %v", topic, len(data), err)
			}
		}
	}
	if _, err := c.Call("content.dropcache", nil); err != nil {
		t.Fatal(err)
	}
	var stats rpc.ContentStats
	if err := c.RPC("content.stats-get", nil, &stats); err != nil || stats.Count != 0 || stats.Size != 0 {
		t.Errorf("after dropcache: %+v %v", stats, err)
	}
	if m, err := c.Call("content.load", digest([]byte("x"))); err != nil || string(m.Payload()) != "x" {
		t.Errorf("from disk: %v", err)
	}
	_, err = c.Call("content.load", digest([]byte("missing")))
	wantErrno(t, err, syscall.ENOENT)
	_, err = c.Call("content.load", []byte("short"))
	wantErrno(t, err, syscall.EPROTO)
	_, err = c.Call("content.store", make([]byte, 2000001))
	wantErrno(t, err, syscall.EFBIG)
	if _, err = c.Call("content-backing.validate", digest(early)); err != nil {
		t.Error(err)
	}
	_, err = c.Call("content-backing.validate", digest([]byte("missing")))
	wantErrno(t, err, syscall.ENOENT)
	for _, topic := range []string{"content.load", "content.store", "content-backing.load", "content-backing.commit"} {
		_, err = b.Guest(99).Call(topic, digest(early))
		wantErrno(t, err, syscall.EPERM)
	}
}

func TestRegister(t *testing.T) {
	b, _ := start(t, false, nil)
	b.Load(content.Service())
	c := b.Owner()
	reg := func(name string) error {
		return c.RPC("content.register-backing", rpc.ContentRegister{Name: name}, nil)
	}
	if err := reg("foo"); err != nil {
		t.Fatal(err)
	}
	if name, _ := b.Attr("content.backing-module"); name != "foo" {
		t.Errorf("attribute %q", name)
	}
	for name, want := range map[string]string{"bar": "already active"} {
		if err := reg(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_ = c.RPC("content.unregister-backing", rpc.ContentRegister{Name: "foo"}, nil)
	if err := reg("bar"); err == nil || !strings.Contains(err.Error(), "cannot be changed") {
		t.Errorf("another name: %v", err)
	}
	if err := c.RPC("content.unregister-backing", nil, nil); err == nil || !strings.Contains(err.Error(), "is not active") {
		t.Errorf("twice: %v", err)
	}
	wantErrno(t, c.RPC("content.register-backing", nil, nil), syscall.EPROTO)
	if err := b.TryLoad(content.Service(), "badopt"); err == nil {
		t.Error("a bad option was taken")
	}
}

func TestCheckpoints(t *testing.T) {
	b, _ := start(t, false, nil)
	b.Load(content.Service())
	c := b.Owner()
	put := func(topic, v string) error {
		return c.RPC(topic, rpc.CheckpointPut{Value: jsontext.Value(v)}, nil)
	}
	wantErrno(t, put("content.checkpoint-put", "{}"), syscall.ENOSYS)
	b.Load(contentsqlite.Service())
	wantErrno(t, c.RPC("content.checkpoint-get", nil, nil), syscall.ENOENT)
	for i := range 7 {
		topic := []string{"content.checkpoint-put", "content-backing.checkpoint-put"}[i%2]
		if err := put(topic, fmt.Sprintf(`{"version":1, "rootref":"r%d"}`, i)); err != nil {
			t.Fatal(err)
		}
	}
	var got rpc.CheckpointGet
	if err := c.RPC("content.checkpoint-get", nil, &got); err != nil || len(got.Value) != 5 || string(got.Value[0]) != `{"version":1,"rootref":"r6"}` {
		t.Errorf("got %s %v", got.Value, err)
	}
	var stats rpc.ContentSqliteStats
	if err := b.Guest(5).RPC("content-sqlite.stats-get", nil, &stats); err != nil || len(stats.Checkpoints) != 5 || stats.CurrentEpoch != 7 || stats.Config.JournalMode != "WAL" {
		t.Errorf("stats %+v %v", stats, err)
	}
}

func TestCommitIsAtomic(t *testing.T) {
	full := false
	b, st := start(t, true, func(p string) error {
		if full && p == "commit" {
			return message.Errorf(syscall.ENOSPC, "the disk is full")
		}
		return nil
	})
	b.Load(content.Service())
	b.Load(contentsqlite.Service())
	c := b.Owner()
	commit := func(data, root string) error {
		return c.RPC("content.commit", &rpc.ContentCommit{
			Blobs: []rpc.ContentBlob{{Hash: string(digest([]byte(data))), Data: []byte(data)}},
			Wait:  true, Checkpoint: []byte(root), Advance: true, Roots: map[string][]byte{"n": []byte(root)},
		}, nil)
	}
	if err := commit("a", "1"); err != nil {
		t.Fatal(err)
	}
	full = true
	wantErrno(t, commit("b", "2"), syscall.ENOSPC)
	full = false
	cps, _ := st.Checkpoints()
	if len(cps) != 1 || string(cps[0].Value) != "1" {
		t.Errorf("checkpoints %v", cps)
	}
	if err := commit("c", "3"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Call("content.flush", nil); err != nil {
		t.Errorf("flush after the disk has room again: %v", err)
	}
	var roots rpc.ContentRoots
	if err := c.RPC("content-backing.roots-get", nil, &roots); err != nil || string(roots.Roots["n"]) != "3" {
		t.Errorf("roots %v %v", roots, err)
	}
}

func TestDamagedObject(t *testing.T) {
	b, st := start(t, true, nil)
	b.Load(content.Service())
	b.Load(contentsqlite.Service())
	var batch store.Batch
	batch.PutObject(string(digest([]byte("right"))), []byte("wrong"))
	if err := st.CommitWait(&batch); err != nil {
		t.Fatal(err)
	}
	_, err := b.Owner().Call("content.load", digest([]byte("right")))
	wantErrno(t, err, syscall.EIO)
}

func TestReload(t *testing.T) {
	b, st := start(t, false, nil)
	b.Load(content.Service())
	b.Load(contentsqlite.Service())
	c := b.Owner()
	_, _ = c.Call("content-backing.store", []byte("x"))
	b.Remove("content-sqlite")
	if err := b.TryLoad(contentsqlite.Service(), "synchronous=BAR"); err == nil {
		t.Error("a bad mode was taken")
	}
	if err := b.TryLoad(contentsqlite.Service(), "max-checkpoints=-1"); err == nil {
		t.Error("a bad number of checkpoints was taken")
	}
	if os.Getuid() != 0 {
		_ = os.Chmod(st.Path(), 0o400)
		if err := b.TryLoad(contentsqlite.Service()); err == nil {
			t.Error("a file that cannot be written was taken")
		}
		_ = os.Chmod(st.Path(), 0o600)
	}
	b.Load(contentsqlite.Service(), "synchronous=NORMAL")
	if _, err := c.Call("content-backing.load", digest([]byte("x"))); err != nil {
		t.Error(err)
	}
	b.Remove("content-sqlite")
	b.Load(contentsqlite.Service(), "truncate")
	_, err := c.Call("content-backing.load", digest([]byte("x")))
	wantErrno(t, err, syscall.ENOENT)
}

func TestGarbageCollection(t *testing.T) {
	b, _ := start(t, false, nil)
	b.Load(content.Service())
	b.Load(contentsqlite.Service())
	c := b.Owner()
	var refs []string
	for i := range 6 {
		data := []byte{byte(i)}
		_, _ = c.Call("content-backing.store", data)
		refs = append(refs, treeobj.Blobref(treeobj.SHA1, data))
	}
	// The empty directory is always in use.
	_, _ = c.Call("content-backing.store", treeobj.Encode(treeobj.NewDir()))
	_ = c.RPC("content-backing.checkpoint-put", rpc.CheckpointPut{Value: jsontext.Value("{}")}, nil)
	var info rpc.ContentGCState
	if err := c.RPC("content-backing.gc-info", rpc.ContentGCInfo{Epoch: 1, GetCount: true}, &info); err != nil || info.CurrentEpoch != 1 || info.HighWater != 7 || *info.Candidates != 7 {
		t.Fatalf("info %+v %v", info, err)
	}
	var marked rpc.ContentMarked
	if err := c.RPC("content-backing.mark", rpc.ContentMark{Epoch: 1, Hashes: refs[:2]}, &marked); err != nil || marked.Marked != 2 {
		t.Errorf("marked %+v %v", marked, err)
	}
	var swept rpc.ContentSwept
	req := rpc.ContentSweep{Epoch: 1, HighWater: info.HighWater, DeleteCap: 100, Window: 100}
	if err := c.RPC("content-backing.sweep", req, &swept); err != nil || swept.Deleted != 4 || swept.Cursor != 7 {
		t.Errorf("swept %+v %v", swept, err)
	}
	wantErrno(t, c.RPC("content-backing.mark", rpc.ContentMark{Hashes: make([]string, maxMark+1)}, nil), syscall.EINVAL)
	wantErrno(t, c.RPC("content-backing.mark", rpc.ContentMark{Hashes: []string{"foo"}}, nil), syscall.EPROTO)
}

const maxMark = 16384
