// SPDX-License-Identifier: LGPL-3.0-or-later

package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A dump holds an instance's history, and a new instance that restores it goes
// on from there (flux-dump(1), flux-restore(1)).
func TestDumpAndRestore(t *testing.T) {
	dir := shortDir(t)
	file := filepath.Join(dir, "dump.tgz")
	c := startIn(t, dir, 1, "-Sstatedir="+shortDir(t), "-Scontent.dump="+file)
	done := c.ok("submit", "--wait", "sh", "-c", "echo remember me; "+fluxPath()+" kvs put note=kept big="+strings.Repeat("x", 1000))
	held := c.ok("submit", "--urgency=hold", "true")
	c.ok("kvs", "put", "a.b.c=42")
	c.ok("kvs", "link", "a.b", "link")
	listing := c.ok("jobs", "-a", "-no", "{id} {status} {name} {ntasks} {nnodes}")
	log := c.ok("job", "eventlog", "--format=json", done)
	c.stop()
	if st, err := os.Stat(file); err != nil || st.Size() == 0 {
		t.Fatalf("no dump: %v", err)
	}

	state := shortDir(t)
	c = startIn(t, dir, 1, "-Sstatedir="+state, "-Scontent.restore="+file)
	c.stop()
	// It is part of the new instance now, and survives what is done to that.
	c = startIn(t, dir, 1, "-Sstatedir="+state)
	defer func() { c.stop() }()
	look := func() {
		t.Helper()
		guest := c.ok("job", "id", "--to=kvs", done) + ".guest."
		for what, got := range map[string][2]string{
			"jobs":      {c.ok("jobs", "-a", "-no", "{id} {status} {name} {ntasks} {nnodes}"), listing},
			"event log": {c.ok("job", "eventlog", "--format=json", done), log},
			"output":    {c.ok("job", "attach", done), "remember me"},
			"value":     {c.ok("kvs", "get", "link.c"), "42"},
			"note":      {c.ok("kvs", "get", guest+"note"), "kept"},
			"big note":  {c.ok("kvs", "get", guest+"big"), strings.Repeat("x", 1000)},
		} {
			if got[0] != got[1] {
				t.Errorf("%s: got %q, want %q", what, got[0], got[1])
			}
		}
		c.ok("fsck")
	}
	look()
	for range 3 { // checkpoints, so that what is old is old enough to go
		c.ok("kvs", "put", "--sync", "churn="+strings.Repeat("y", 1000))
		c.ok("kvs", "unlink", "churn")
		c.ok("kvs", "sync")
	}
	c.ok("gc", "--no-cache")
	c.stop()
	c = startIn(t, dir, 1, "-Sstatedir="+state) // nothing is in memory any more
	look()
	c.ok("job", "urgency", held, "default")
	c.ok("job", "wait-event", held, "clean")
}

// An archive is the same files wherever it is extracted (flux-archive(1)).
func TestArchive(t *testing.T) {
	c := start(t, 2)
	src, dst := shortDir(t), shortDir(t)
	big := strings.Repeat("0123456789", 300000)
	for name, text := range map[string]string{"small": "text\n", "big": big} {
		if err := os.WriteFile(filepath.Join(src, name), []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("small", filepath.Join(src, "link")); err != nil {
		t.Fatal(err)
	}
	c.ok("archive", "create", "-C", src, ".")
	if got := c.ok("archive", "list"); got != "big\nlink\nsmall" {
		t.Errorf("list: %q", got)
	}
	c.ok("exec", "-r", "1", fluxPath(), "archive", "extract", "--waitcreate", "-C", dst)
	for name, text := range map[string]string{"small": "text\n", "link": "text\n", "big": big} {
		if got, err := os.ReadFile(filepath.Join(dst, name)); err != nil || string(got) != text {
			t.Errorf("%s: %d bytes %v, want %d", name, len(got), err, len(text))
		}
	}
	if r := c.flux("archive", "extract", "-C", dst); r.code == 0 {
		t.Error("files were replaced without --overwrite")
	}
	c.ok("archive", "remove")
	if r := c.flux("archive", "list"); r.code == 0 {
		t.Error("the archive is still there")
	}
}
