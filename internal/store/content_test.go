// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"bytes"
	"strings"
	"syscall"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

func TestObjects(t *testing.T) {
	path := tempPath(t)
	s := open(t, path, Options{Lasting: true})
	blobs := [][]byte{{}, []byte("x"), bytes.Repeat([]byte("ab"), 500), []byte(strings.Repeat("\x00\xff", 127))}
	must(t, s, func(b *Batch) {
		for _, data := range blobs {
			b.PutObject(raw(data), data)
			b.PutObject(raw(data), data)
		}
	})
	for _, data := range blobs {
		got, err := s.Load(raw(data))
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes: got %d, %v", len(data), len(got), err)
		}
	}
	_, err := s.Load(raw([]byte("missing")))
	wantErrno(t, err, syscall.ENOENT)
	st, err := s.ContentStats()
	if err != nil || st.Objects != 4 || st.FileSize == 0 || st.FreeSpace == 0 {
		t.Errorf("stats %+v %v", st, err)
	}
	must(t, s, func(b *Batch) { b.Truncate() })
	if st, _ := s.ContentStats(); st.Objects != 0 {
		t.Errorf("after truncation: %+v", st)
	}
}

// The rows are those flux-core writes: the hash is TEXT, an object of 256 bytes
// an LZ4 block with its plain size, a smaller one plain with size -1.
func TestObjectRows(t *testing.T) {
	s := open(t, tempPath(t), Options{})
	small, large := []byte("small"), bytes.Repeat([]byte("z"), 256)
	must(t, s, func(b *Batch) { b.PutObject(raw(small), small); b.PutObject(raw(large), large) })
	for _, tc := range []struct {
		data []byte
		size int
	}{{small, -1}, {large, 256}} {
		found := false
		err := s.reader("", func(c *conn) error {
			return query(c, "SELECT typeof(hash), size, typeof(object), epoch FROM objects WHERE hash = ?", func(st *stmt) bool {
				found = true
				if st.ColumnText(0) != "text" || st.ColumnInt(1) != tc.size || st.ColumnText(2) != "blob" {
					t.Errorf("row %s %d %s", st.ColumnText(0), st.ColumnInt(1), st.ColumnText(2))
				}
				return true
			}, raw(tc.data))
		})
		if err != nil || !found {
			t.Errorf("%v %v", found, err)
		}
	}
}

func TestCheckpoints(t *testing.T) {
	path := tempPath(t)
	s := open(t, path, Options{MaxCheckpoints: 3})
	put := func(v string, replace bool) {
		must(t, s, func(b *Batch) { b.PutCheckpoint([]byte(v), replace) })
	}
	values := func() string {
		cs, err := s.Checkpoints()
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, c := range cs {
			out = append(out, string(c.Value))
		}
		return strings.Join(out, " ")
	}
	put("1", false)
	put("2", true)
	put("3", true)
	if got := values(); got != "3 1" {
		t.Errorf("got %s", got)
	}
	put("4", false)
	put("5", true)
	put("6", true)
	if got := values(); got != "6 4 3" {
		t.Errorf("got %s", got)
	}
	_ = s.Close()
	s = open(t, path, Options{})
	put("7", true)
	if got := values(); got != "7 6 4 3" {
		t.Errorf("after a restart: %s", got)
	}
	if st, _ := s.ContentStats(); st.Epoch != 5 {
		t.Errorf("epoch %d", st.Epoch)
	}
}

// A file of an older flux-core: no epoch column, one checkpoint by key.
func TestOldSchema(t *testing.T) {
	path := tempPath(t)
	c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	err = sqlitex.ExecuteScript(c, `
CREATE TABLE objects(hash BLOB PRIMARY KEY, size INT, object BLOB);
CREATE TABLE checkpt(key TEXT UNIQUE, value TEXT);
INSERT INTO checkpt VALUES('kvs-primary', '{"version":1}');`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := exec(c, "INSERT INTO objects VALUES (?,-1,?)", raw([]byte("hi")), []byte("hi")); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	s := open(t, path, Options{})
	if cs, err := s.Checkpoints(); err != nil || len(cs) != 1 || string(cs[0].Value) != `{"version":1}` {
		t.Errorf("checkpoints %v %v", cs, err)
	}
	if b, err := s.Load(raw([]byte("hi"))); string(b) != "hi" || err != nil {
		t.Errorf("object %q %v", b, err)
	}
}

func TestSweep(t *testing.T) {
	s := open(t, tempPath(t), Options{})
	var keep []string
	must(t, s, func(b *Batch) {
		for i := range 10 {
			data := []byte{byte(i)}
			b.PutObject(raw(data), data)
			if i%2 == 0 {
				keep = append(keep, raw(data))
			}
		}
		b.PutCheckpoint([]byte("{}"), false)
	})
	epoch, high, err := s.HighWater()
	if err != nil || epoch != 1 || high != 10 {
		t.Fatalf("epoch %d, high water %d, %v", epoch, high, err)
	}
	var marked int
	must(t, s, func(b *Batch) { b.MarkObjects(epoch, append(keep, raw([]byte("none"))), &marked) })
	if marked != 5 {
		t.Errorf("marked %d", marked)
	}
	var r SweepResult
	deleted := int64(0)
	for r.Cursor < high {
		var out SweepResult
		must(t, s, func(b *Batch) {
			b.SweepObjects(Sweep{Epoch: epoch, Cursor: r.Cursor, HighWater: high, Limit: 2, Window: 7}, &out)
		})
		if out.Cursor <= r.Cursor {
			t.Fatalf("the cursor stays at %d", out.Cursor)
		}
		r = out
		deleted += out.Deleted
	}
	if deleted != 5 {
		t.Errorf("deleted %d", deleted)
	}
	for _, h := range keep {
		if _, err := s.Load(h); err != nil {
			t.Error("a marked object is gone")
		}
	}
}
