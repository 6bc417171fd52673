// SPDX-License-Identifier: LGPL-3.0-or-later

package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An instance whose database was damaged starts with what can be read, keeps the
// damaged file, and flux fsck tells of it.
func TestDamagedDatabase(t *testing.T) {
	dir, state := shortDir(t), shortDir(t)
	c := startIn(t, dir, 1, "-Sstatedir="+state)
	for range 10 {
		c.ok("run", "true")
	}
	c.ok("kvs", "put", "a=1")
	c.stop()
	file := filepath.Join(state, "content.sqlite")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for page := 2; page*4096 < len(b); page += 3 { // the heads of some pages
		b[page*4096] ^= 0xff
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	c = startIn(t, dir, 1, "-Sstatedir="+state)
	defer c.stop()
	if r := c.flux("fsck"); !strings.Contains(r.stderr, "do not match their checksums") || !strings.Contains(r.stderr, "saved rows") {
		t.Errorf("fsck says\n%s%s", r.stdout, r.stderr)
	}
	if kept, _ := filepath.Glob(file + ".damaged-*"); len(kept) == 0 {
		t.Error("the damaged file is gone")
	}
	c.ok("run", "true")
}
