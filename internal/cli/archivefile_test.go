// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestArchiveFile(t *testing.T) {
	a := newApp()
	dir := t.TempDir()
	long := strings.Repeat("long/", 60) + "kéy" // more than ustar can hold
	stamp := time.Unix(1e9, 0)
	for _, name := range []string{"a.tar", "a.tar.gz", "a.tgz"} {
		path := filepath.Join(dir, name)
		w, err := a.createArchive(path)
		if err != nil {
			t.Fatal(err)
		}
		w.time = stamp
		for _, err := range []error{w.file("a/b", []byte("one"), []byte("two")), w.file(long), w.symlink("l", "ns::x.y"), w.finish()} {
			if err != nil {
				t.Fatal(err)
			}
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if zipped := data[0] == 0x1f; zipped != strings.HasSuffix(name, "gz") {
			t.Errorf("%s: compressed %v", name, zipped)
		}
		r, err := readArchive(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []tar.Header{
			{Name: "a/b", Typeflag: tar.TypeReg, Size: 6}, {Name: long, Typeflag: tar.TypeReg},
			{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "ns::x.y"},
		} {
			h, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			if h.Name != want.Name || h.Typeflag != want.Typeflag || h.Size != want.Size || h.Linkname != want.Linkname ||
				h.Mode != 0o644 || !h.ModTime.Equal(stamp) {
				t.Errorf("%s: got %+v, want %+v", name, h, want)
			}
			if b, _ := io.ReadAll(r); want.Size > 0 && string(b) != "onetwo" {
				t.Errorf("%s: %q", name, b)
			}
		}
	}
}

func TestArchiveFileRefusals(t *testing.T) {
	a := newApp()
	dir := t.TempDir()
	for _, name := range []string{"a.zip", "a.tar.xz", "a", "a.tar.bz2"} {
		if _, err := a.createArchive(filepath.Join(dir, name)); err == nil || !strings.Contains(err.Error(), ".tgz") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, m := range magics {
		if _, err := readArchive(strings.NewReader(m.magic + "more")); err == nil || !strings.Contains(err.Error(), m.refuse) {
			t.Errorf("%s: %v", m.refuse, err)
		}
	}
	w, err := a.createArchive(filepath.Join(dir, "half.tar"))
	if err != nil {
		t.Fatal(err)
	}
	w.abandon()
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}

func TestArchiveKey(t *testing.T) {
	for path, want := range map[string]string{
		"a/b/c": "a.b.c", "./a/b": "a.b", "/a//b/": "a.b", "x": "x",
		"": "!", ".": "!", "../a": "!", "a/../b": "!",
	} {
		key, err := archiveKey(path)
		got := strings.Join(key, ".")
		if err != nil {
			got = "!"
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", path, got, want)
		}
	}
}

func TestJobKey(t *testing.T) {
	for key, want := range map[string]string{
		"job.0000.0000.2400.0000.guest.output": "job.0000.0000.2400.0000 guest.output",
		"job.0000.0000.2400.0000":              "job.0000.0000.2400.0000 ",
		"job.0000.0000.2400":                   " job.0000.0000.2400",
		"job.a.b.c.xyz":                        " job.a.b.c.xyz",
		"jobs.0000.0000.2400.0000.x":           " jobs.0000.0000.2400.0000.x",
	} {
		if id, dir, rest := jobKey(key); dir+" "+rest != want || (id != 0) != (dir != "") {
			t.Errorf("%s: got %s %q %q", key, id, dir, rest)
		}
	}
}
