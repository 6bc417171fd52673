// SPDX-License-Identifier: LGPL-3.0-or-later

package content_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"goflux/internal/rpc"
	"goflux/internal/service/content"
	"goflux/internal/service/contentsqlite"
	"goflux/internal/store"
	"goflux/internal/testkit/host"
	"goflux/treeobj"
)

func start(t *testing.T) (*host.Broker, *store.Store) {
	t.Helper()
	st, err := store.Open(filepath.Join(t.TempDir(), store.FileName), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	b := host.Start(t, host.Options{Attrs: map[string]string{"statedir-cleanup": "1"}, Shared: map[string]any{"store": st}})
	b.Load(content.Service())
	b.Load(contentsqlite.Service())
	return b, st
}

func wantErrno(t *testing.T, err error, num syscall.Errno) {
	t.Helper()
	if !errors.Is(err, num) {
		t.Errorf("got error %v, want %v", err, num)
	}
}

func digest(data []byte) []byte { return treeobj.SHA1.Digest(data) }

func TestMappedFiles(t *testing.T) {
	b, st := start(t)
	c := b.Owner()
	dir := t.TempDir()
	data := []byte("0123456789abcdefghij")
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	for _, path := range []string{one, two} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	add := func(path, tag string) error {
		return c.RPC("content.mmap-add", rpc.ContentMmapAdd{Path: path, ChunkSize: 10, Tag: tag}, nil)
	}
	load := func(blob []byte) error {
		m, err := c.Call("content.load", digest(blob))
		if err == nil && !bytes.Equal(m.Payload(), blob) {
			t.Errorf("got %q, want %q", m.Payload(), blob)
		}
		return err
	}
	if err := add(one, "a"); err != nil {
		t.Fatal(err)
	}
	if err := add(two, "b"); err != nil {
		t.Fatal(err)
	}
	for _, blob := range [][]byte{data[:10], data[10:]} {
		if err := load(blob); err != nil {
			t.Error(err)
		}
		if _, err := st.Load(string(digest(blob))); err == nil {
			t.Error("the file was copied")
		}
	}
	var stats rpc.ContentStats
	want := rpc.ContentMmap{Tags: map[string][]string{"a": {one}, "b": {two}}, Blobs: 2}
	if err := c.RPC("content.stats-get", nil, &stats); err != nil || !reflect.DeepEqual(stats.Mmap, want) {
		t.Errorf("stats %+v %v", stats.Mmap, err)
	}
	remove := func(tag string) {
		t.Helper()
		if err := c.RPC("content.mmap-remove", rpc.ContentMmapRemove{Tag: tag}, nil); err != nil {
			t.Error(err)
		}
	}
	remove("b")
	if err := load(data[:10]); err != nil {
		t.Errorf("the other file has it, too: %v", err)
	}
	// A mapped blob that is stored is there for good.
	if _, err := c.Call("content.store", data[:10]); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(one, []byte("0123456789ABCDEFGHIJ"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := load(data[10:]); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("from a changed file: %v", err)
	}
	if err := os.Truncate(one, 0); err != nil {
		t.Fatal(err)
	}
	if err := load(data[10:]); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("from a file cut short: %v", err)
	}
	remove("a")
	if err := load(data[:10]); err != nil {
		t.Error(err)
	}
	wantErrno(t, load(data[10:]), syscall.ENOENT)
	wantErrno(t, add(filepath.Join(dir, "none"), "x"), syscall.ENOENT)
	wantErrno(t, add(dir, "x"), syscall.EINVAL)
	wantErrno(t, add(one, "x"), syscall.EINVAL) // it is empty
	wantErrno(t, add(two, ""), syscall.EPROTO)
}

func TestMappedFilesAreTheLeaders(t *testing.T) {
	b := host.Start(t, host.Options{Rank: 1, Size: 2, Attrs: map[string]string{"content.hash": "sha1"}})
	b.Load(content.Service())
	c := b.Owner()
	wantErrno(t, c.RPC("content.mmap-add", rpc.ContentMmapAdd{Path: "/etc/group", Tag: "x"}, nil), syscall.EINVAL)
	wantErrno(t, c.RPC("content.mmap-remove", rpc.ContentMmapRemove{Tag: "x"}, nil), syscall.EINVAL)
	wantErrno(t, c.RPC("content.jobs-get", rpc.ContentJobsGet{Of: "ended"}, nil), syscall.ENOSYS)
}

func TestJobs(t *testing.T) {
	b, st := start(t)
	c := b.Owner()
	var batch store.Batch
	for id := uint64(1); id <= 3; id++ {
		batch.PutJob(&store.Job{ID: id, UserID: 7, Fields: map[string][]byte{"jobspec": []byte("{}")}})
		batch.AppendEvents(id, []byte("e"))
		batch.AppendStream(id, "exec", []byte("x"))
		batch.AppendStream(id, "output", []byte("o"))
	}
	for id := uint64(1); id <= 2; id++ {
		batch.FinishJob(&store.FinishedJob{ID: id, UserID: 7, Records: map[string][]byte{
			"jobspec": []byte("{}"), "eventlog": []byte("e"), "guest": []byte("root")}})
	}
	if err := st.CommitWait(&batch); err != nil {
		t.Fatal(err)
	}
	keys := map[string][]byte{
		"jobspec": []byte("{}"), "eventlog": []byte("e"), "guest.exec.eventlog": []byte("x"), "guest.output": []byte("o"),
	}
	get := func(req rpc.ContentJobsGet, want ...rpc.ContentJob) {
		t.Helper()
		var got rpc.ContentJobs
		if err := c.RPC("content.jobs-get", req, &got); err != nil || len(got.Jobs) != len(want) ||
			len(want) > 0 && !reflect.DeepEqual(got.Jobs, want) {
			t.Errorf("%+v: got %+v %v, want %+v", req, got.Jobs, err, want)
		}
	}
	get(rpc.ContentJobsGet{Of: "ended"}, rpc.ContentJob{ID: 1, UserID: 7, Keys: keys, Guest: "root"}, rpc.ContentJob{ID: 2, UserID: 7, Keys: keys, Guest: "root"})
	get(rpc.ContentJobsGet{Of: "ended", After: 1, Brief: true}, rpc.ContentJob{ID: 2, UserID: 7, Guest: "root"})
	get(rpc.ContentJobsGet{Of: "ended", After: 2})
	get(rpc.ContentJobsGet{Of: "active"}, rpc.ContentJob{ID: 3, UserID: 7, Keys: keys})
	get(rpc.ContentJobsGet{Of: "put"})
	wantErrno(t, c.RPC("content.jobs-get", rpc.ContentJobsGet{Of: "all"}, nil), syscall.EINVAL)
	wantErrno(t, b.Guest(9).RPC("content.jobs-get", rpc.ContentJobsGet{Of: "ended"}, nil), syscall.EPERM)

	for _, put := range []rpc.ContentJobsPut{
		{}, {Jobs: []rpc.ContentJob{{ID: 9, Keys: map[string][]byte{"J": []byte("j")}}}}, {Jobs: []rpc.ContentJob{{ID: 9, Guest: "r"}}},
	} {
		if err := c.RPC("content.jobs-put", put, nil); err != nil {
			t.Error(err)
		}
	}
	get(rpc.ContentJobsGet{Of: "put"}, rpc.ContentJob{ID: 9, Keys: map[string][]byte{"J": []byte("j")}, Guest: "r"})
}
