// SPDX-License-Identifier: LGPL-3.0-or-later

package contentfiles_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/internal/rpc"
	"goflux/internal/service/content"
	"goflux/internal/service/contentfiles"
	"goflux/internal/service/kvs"
	"goflux/internal/testkit/host"
	"goflux/treeobj"
)

func start(t *testing.T, dir string, lasting bool) *host.Broker {
	t.Helper()
	cleanup := map[bool]string{false: "1", true: "0"}[lasting]
	b := host.Start(t, host.Options{Attrs: map[string]string{"statedir": dir, "statedir-cleanup": cleanup}})
	b.Load(content.Service())
	return b
}

func wantErrno(t *testing.T, err error, num syscall.Errno) {
	t.Helper()
	if !errors.Is(err, num) {
		t.Errorf("got error %v, want %v", err, num)
	}
}

func digest(data []byte) []byte { return treeobj.SHA1.Digest(data) }

func TestBlobs(t *testing.T) {
	dir := t.TempDir()
	b := start(t, dir, true)
	b.Load(contentfiles.Service())
	c := b.Owner()
	blobs := [][]byte{{}, []byte("x"), bytes.Repeat([]byte("abc"), 300000)}
	for _, data := range blobs {
		for _, topic := range []string{"content.store", "content-backing.store"} {
			m, err := c.Call(topic, data)
			if err != nil || !bytes.Equal(m.Payload(), digest(data)) {
				t.Fatalf("%s of %d bytes: %x %v", topic, len(data), m.Payload(), err)
			}
		}
		got, err := os.ReadFile(filepath.Join(dir, "content.files", treeobj.Blobref(treeobj.SHA1, data)))
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("file of %d bytes: %d %v", len(data), len(got), err)
		}
	}
	check := func() {
		t.Helper()
		for _, data := range blobs {
			if m, err := c.Call("content-backing.load", digest(data)); err != nil || !bytes.Equal(m.Payload(), data) {
				t.Errorf("load of %d bytes: %v", len(data), err)
			}
			if _, err := c.Call("content-backing.validate", digest(data)); err != nil {
				t.Errorf("validate: %v", err)
			}
		}
	}
	check()
	b.Remove("content-files")
	_ = os.WriteFile(filepath.Join(dir, "content.files", ".part-1"), []byte("half"), 0o600)
	b.Load(contentfiles.Service())
	check()
	var stats rpc.ContentFilesStats
	if err := b.Guest(9).RPC("content-files.stats-get", nil, &stats); err != nil || stats.ObjectCount != len(blobs) {
		t.Errorf("stats %+v %v", stats, err)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "content.files")); len(left) != len(blobs) {
		t.Errorf("files %v", left)
	}
	_, err := c.Call("content-backing.load", digest([]byte("missing")))
	wantErrno(t, err, syscall.ENOENT)
	_, err = c.Call("content-backing.validate", digest([]byte("missing")))
	wantErrno(t, err, syscall.ENOENT)
	_, err = c.Call("content-backing.load", []byte("short"))
	wantErrno(t, err, syscall.EPROTO)
	_, err = b.Guest(9).Call("content-backing.load", digest(nil))
	wantErrno(t, err, syscall.EPERM)
	wantErrno(t, c.RPC("content-backing.gc-info", rpc.ContentGCInfo{}, nil), syscall.ENOSYS)

	_ = os.WriteFile(filepath.Join(dir, "content.files", treeobj.Blobref(treeobj.SHA1, []byte("x"))), []byte("y"), 0o600)
	_, err = c.Call("content-backing.validate", digest([]byte("x")))
	wantErrno(t, err, syscall.EIO)

	b.Remove("content-files")
	if err := b.TryLoad(contentfiles.Service(), "badopt"); err == nil {
		t.Error("a bad option was taken")
	}
	b.Load(contentfiles.Service(), "truncate", "testing")
	if _, err := c.Call("content-backing.store", []byte("z")); err != nil {
		t.Error(err)
	}
	_, err = c.Call("content.checkpoint-get", nil)
	wantErrno(t, err, syscall.ENOSYS) // it is not content's
	_, err = c.Call("content-backing.load", digest([]byte("x")))
	wantErrno(t, err, syscall.ENOENT)
}

func TestCheckpoint(t *testing.T) {
	b := start(t, t.TempDir(), false)
	b.Load(contentfiles.Service())
	c := b.Owner()
	wantErrno(t, c.RPC("content.checkpoint-get", nil, nil), syscall.ENOENT)
	for _, v := range []string{`{"rootref": "a long one"}`, `{"rootref":"b"}`} {
		if err := c.RPC("content.checkpoint-put", rpc.CheckpointPut{Value: jsontext.Value(v)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	var got rpc.CheckpointGet
	if err := c.RPC("content.checkpoint-get", nil, &got); err != nil || len(got.Value) != 1 || string(got.Value[0]) != `{"rootref":"b"}` {
		t.Errorf("got %s %v", got.Value, err)
	}
	wantErrno(t, c.RPC("content-backing.checkpoint-put", map[string]any{}, nil), syscall.EPROTO)
}

// TestKVS: what the KVS has answered is there after a restart, its namespaces
// too; stores that come in together are all answered.
func TestKVS(t *testing.T) {
	dir := t.TempDir()
	b := start(t, dir, true)
	b.Load(contentfiles.Service())
	b.Load(kvs.Leader())
	c := b.Owner()
	if err := c.RPC("kvs.namespace-create", rpc.KVSNamespaceCreate{Namespace: "a/b", Owner: -1}, nil); err != nil {
		t.Fatal(err)
	}
	value := bytes.Repeat([]byte("v"), 100)
	var done sync.WaitGroup
	for _, key := range []string{"a", "b", "c", "d"} {
		done.Go(func() {
			for _, ns := range []string{"primary", "a/b"} {
				req := rpc.KVSCommit{Namespace: ns, Ops: []rpc.KVSOp{rpc.KVSPut(key+".x", treeobj.Val{Data: append(value, key...)})}}
				if err := b.Owner().RPC("kvs.commit", req, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done.Wait()
	b.Close() // as a crash: nothing is unloaded

	b = start(t, dir, true)
	b.Load(contentfiles.Service())
	b.Load(kvs.Leader())
	c = b.Owner()
	for _, key := range []string{"a", "b", "c", "d"} {
		for _, ns := range []string{"primary", "a/b"} {
			var v rpc.KVSValue
			err := c.RPC("kvs.lookup", rpc.KVSLookup{Namespace: ns, Key: key + ".x"}, &v)
			if o, ok := v.Val.Object.(treeobj.Val); err != nil || !ok || len(o.Data) != len(value)+1 {
				t.Errorf("%s of %s: %v %v", key, ns, v.Val.Object, err)
			}
		}
	}
	if err := c.RPC("kvs.namespace-remove", rpc.KVSNamespaceRemove{Namespace: "a/b"}, nil); err != nil {
		t.Fatal(err)
	}
	var roots rpc.ContentRoots
	if err := c.RPC("content-backing.roots-get", nil, &roots); err != nil || len(roots.Roots) != 0 {
		t.Errorf("roots %v %v", roots, err)
	}
}
