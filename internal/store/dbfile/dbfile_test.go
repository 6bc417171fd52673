// SPDX-License-Identifier: LGPL-3.0-or-later

package dbfile_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"pgregory.net/rapid"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"goflux/internal/store/dbfile"
)

const rows = 150

// made is what SQLite has in row i.
func made(i int) (n int64, f float64, text, blob []byte) {
	return int64(i) * int64(i) * int64(i) * int64(i) * -1234567, float64(i) / 3,
		fmt.Appendf(nil, "text %d", i), bytes.Repeat([]byte{byte(i)}, i*i%20000)
}

// database is the file and the log of a database whose rows are partly in one
// and partly in the other.
func database(t testing.TB) (file, log []byte) {
	path := filepath.Join(t.TempDir(), "x")
	c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	run := func(q string, args ...any) {
		if err := sqlitex.Execute(c, q, &sqlitex.ExecOptions{Args: args}); err != nil {
			t.Fatal(err)
		}
	}
	run("PRAGMA journal_mode=WAL")
	run("PRAGMA wal_autocheckpoint=0")
	run("CREATE TABLE a(id INTEGER PRIMARY KEY, n INTEGER, f REAL, text TEXT, blob BLOB, spare)")
	run("CREATE TABLE b(text TEXT, n INTEGER, blob BLOB, PRIMARY KEY(text, n)) WITHOUT ROWID")
	for i := range rows {
		n, f, text, blob := made(i)
		run("INSERT INTO a(id,n,f,text,blob) VALUES (?,?,?,?,?)", i, n, f, string(text), blob)
		run("INSERT INTO b(text,n,blob) VALUES (?,?,?)", string(text), n, blob)
		if i == rows/2 {
			run("PRAGMA wal_checkpoint(PASSIVE)")
		}
	}
	if file, err = os.ReadFile(path); err == nil {
		log, err = os.ReadFile(path + "-wal")
	}
	if err != nil {
		t.Fatal(err)
	}
	return file, log
}

// read walks both tables.
func read(file, log []byte, all bool) (a, b map[string]dbfile.Row, bad []error, err error) {
	head, err := dbfile.ParseHead(file)
	if err != nil {
		return nil, nil, nil, err
	}
	l, err := dbfile.ReadLog(bytes.NewReader(log), int64(len(log)), head.PageSize)
	if err != nil {
		return nil, nil, nil, err
	}
	pages := dbfile.NewPages(bytes.NewReader(file), int64(len(file)), head)
	pages.Overlay(l, all)
	roots, err := dbfile.Roots(pages)
	if err != nil {
		bad = append(bad, err)
	}
	a, b = map[string]dbfile.Row{}, map[string]dbfile.Row{}
	for name, out := range map[string]map[string]dbfile.Row{"a": a, "b": b} {
		w := dbfile.Walk{Pages: pages,
			Bad: func(_ uint32, err error) { bad = append(bad, err) },
			Row: func(r dbfile.Row) {
				i := 0
				if name == "a" {
					i = 3
				}
				if len(r.Columns) > i {
					text, _ := r.Columns[i].([]byte)
					out[string(text)] = r
				}
			}}
		w.Table(roots[name])
	}
	return a, b, bad, nil
}

func TestReadsWhatSQLiteWrote(t *testing.T) {
	file, log := database(t)
	a, b, bad, err := read(file, log, false)
	if err != nil || len(bad) > 0 || len(a) != rows || len(b) != rows {
		t.Fatalf("%d and %d rows, %v %v", len(a), len(b), bad, err)
	}
	for i := range rows {
		n, f, text, blob := made(i)
		var real any = f
		if f == float64(int64(f)) {
			real = int64(f)
		}
		if got := a[string(text)]; got.ID != int64(i) || !reflect.DeepEqual(got.Columns, []any{nil, n, real, text, blob, nil}) {
			t.Fatalf("row %d of a: %d %.200v", i, got.ID, got.Columns)
		}
		if got := b[string(text)]; !reflect.DeepEqual(got.Columns, []any{text, n, blob}) {
			t.Fatalf("row %d of b: %.200v", i, got.Columns)
		}
	}
}

// A frame that is damaged is told from an end that a crash cut short.
func TestLogDamageIsNoCrash(t *testing.T) {
	file, log := database(t)
	head, _ := dbfile.ParseHead(file)
	parse := func(log []byte) *dbfile.Log {
		l, err := dbfile.ReadLog(bytes.NewReader(log), int64(len(log)), head.PageSize)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	if l := parse(log); !l.HeadOK || l.Valid != len(l.Frames) || l.Later != 0 || l.Valid == 0 {
		t.Fatalf("a sound log: %d of %d frames, %d later", l.Valid, len(l.Frames), l.Later)
	}
	rapid.Check(t, func(rt *rapid.T) {
		cut := rapid.IntRange(0, len(log)).Draw(rt, "cut")
		if l := parse(log[:cut]); l.Later != 0 {
			rt.Fatalf("cut at %d: %d transactions later", cut, l.Later)
		}
		at := rapid.IntRange(32, len(log)/2).Draw(rt, "at")
		bad := bytes.Clone(log)
		bad[at] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
		if l := parse(bad); l.Later < 2 || l.Valid >= len(l.Frames) {
			rt.Fatalf("damaged at %d: %d of %d frames, %d transactions later", at, l.Valid, len(l.Frames), l.Later)
		}
	})
}

// Whatever is in the files, reading them ends.
func TestReadsAnything(t *testing.T) {
	file, log := database(t)
	rapid.Check(t, func(rt *rapid.T) {
		file, log := bytes.Clone(file), bytes.Clone(log)
		for range rapid.IntRange(1, 200).Draw(rt, "times") {
			b := file
			if rapid.Bool().Draw(rt, "log") {
				b = log
			}
			// Mostly in the heads of pages, where it hurts.
			at := rapid.IntRange(0, len(b)/4096-1).Draw(rt, "page")*4096 + rapid.IntRange(0, 200).Draw(rt, "at")
			b[at] = rapid.Byte().Draw(rt, "byte")
		}
		file = file[:rapid.IntRange(0, len(file)).Draw(rt, "cut")]
		_, _, _, _ = read(file, log, rapid.Bool().Draw(rt, "all"))
	})
}
