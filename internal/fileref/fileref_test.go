// SPDX-License-Identifier: LGPL-3.0-or-later

package fileref

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"goflux/internal/message"
	"goflux/treeobj"
)

// blobs is a content store.
type blobs map[string][]byte

func (b blobs) put(data []byte) (string, error) {
	ref := treeobj.Blobref(treeobj.SHA1, data)
	b[ref] = bytes.Clone(data)
	return ref, nil
}

func (b blobs) load(ref string) func(context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) {
		data, ok := b[ref]
		if !ok {
			return nil, syscall.ENOENT
		}
		return data, nil
	}
}

// wire sends an object through its JSON.
func wire(t interface{ Fatal(...any) }, f *File) *File {
	b, err := message.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	out := new(File)
	if err := message.Unmarshal(b, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func extractor(t testing.TB, dir string, b blobs) *Extractor {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return &Extractor{Root: root, Load: b.load}
}

func sectors(t interface{ Fatal(...any) }, path string) int64 {
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return st.Sys().(*syscall.Stat_t).Blocks
}

// TestRegularFiles come back as they were, holes included.
func TestRegularFiles(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	t.Chdir(src)
	x := extractor(t, dst, blobs{})
	x.Overwrite = true
	rapid.Check(t, func(t *rapid.T) {
		b := blobs{}
		x.Load = b.load
		f, err := os.Create("file")
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(0, 3).Draw(t, "pieces") {
			at := rapid.Int64Range(0, 1<<18).Draw(t, "at")
			if _, err := f.WriteAt(rapid.SliceOfN(rapid.Byte(), 1, 100).Draw(t, "data"), at); err != nil {
				t.Fatal(err)
			}
		}
		if rapid.Bool().Draw(t, "hole at the end") {
			if err := f.Truncate(1 << 19); err != nil {
				t.Fatal(err)
			}
		}
		mode := fs.FileMode(rapid.IntRange(0, 0o777).Draw(t, "mode")) | 0o400
		if err := f.Chmod(mode); err != nil {
			t.Fatal(err)
		}
		f.Close()
		stamp := time.Unix(1e9, 0)
		if err := os.Chtimes("file", stamp, stamp); err != nil {
			t.Fatal(err)
		}
		s := &Scanner{
			ChunkSize: rapid.SampledFrom([]int64{0, 1000, 4096, 1 << 20}).Draw(t, "chunk"),
			SmallFile: rapid.SampledFrom([]int64{0, 64, 1 << 20}).Draw(t, "small"), Blob: b.put,
		}
		ref, err := s.Scan("file")
		if err != nil {
			t.Fatal(err)
		}
		if err := x.Extract(t.Context(), wire(t, ref)); err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(dst, "file")
		want, _ := os.ReadFile("file")
		got, err := os.ReadFile(copied)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("got %d bytes %v, want %d", len(got), err, len(want))
		}
		st, err := os.Stat(copied)
		if err != nil || st.Mode() != mode || !st.ModTime().Equal(stamp) {
			t.Fatalf("mode %v time %v %v, want %v", st.Mode(), st.ModTime(), err, mode)
		}
		if ref.Encoding == encodingBlobs && sectors(t, copied) > sectors(t, "file") {
			t.Fatal("holes were filled")
		}
		if err := os.Remove("file"); err != nil {
			t.Fatal(err)
		}
	})
}

func TestOtherFiles(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	t.Chdir(src)
	if err := os.MkdirAll("dir/sub", 0o755); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]fs.FileMode{"dir/sub/text": 0o644, "dir/sub/bytes": 0o600} {
		if err := os.WriteFile(path, []byte(map[bool]string{true: "text\n", false: "\xff\x00"}[mode == 0o644]), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod("dir/sub", 0o500); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/a/b", "link"); err != nil {
		t.Fatal(err)
	}
	s := &Scanner{SmallFile: 1000}
	var files []*File
	for _, path := range []string{"./dir", "dir/sub", "dir/sub/text", "dir/sub/bytes", "link"} {
		f, err := s.Scan(path)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, wire(t, f))
	}
	if files[0].Path != "dir" || files[2].Encoding != encodingText || files[3].Encoding != encodingBytes {
		t.Errorf("got %+v", files)
	}
	x := extractor(t, dst, nil)
	for _, f := range files {
		if err := x.Extract(t.Context(), f); err != nil {
			t.Error(err)
		}
	}
	if err := x.Finish(); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(filepath.Join(dst, "dir/sub/bytes")); err != nil || string(b) != "\xff\x00" {
		t.Errorf("got %q %v", b, err)
	}
	if target, err := os.Readlink(filepath.Join(dst, "link")); err != nil || target != "/a/b" {
		t.Errorf("link to %s %v", target, err)
	}
	if st, err := os.Stat(filepath.Join(dst, "dir/sub")); err != nil || st.Mode().Perm() != 0o500 {
		t.Errorf("directory %v %v", st.Mode(), err)
	}
	for _, f := range files[2:] {
		if err := x.Extract(t.Context(), f); !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s again: %v", f.Path, err)
		}
	}
	if err := syscall.Mkfifo("fifo", 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Scan("fifo"); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("a FIFO: %v", err)
	}
	if _, err := s.Scan("none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if f, err := s.Scan(filepath.Join(src, "dir/sub/text")); err != nil || f.Path != src[1:]+"/dir/sub/text" {
		t.Errorf("absolute path: %+v %v", f, err)
	}
	for _, path := range []string{"dir", "dir/sub"} {
		_ = os.Chmod(filepath.Join(dst, path), 0o755)
		_ = os.Chmod(path, 0o755)
	}
}

// TestHostileArchives write nothing outside the directory.
func TestHostileArchives(t *testing.T) {
	dst, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dst, "out")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(outside, "victim"), filepath.Join(dst, "link")); err != nil {
		t.Fatal(err)
	}
	x := extractor(t, dst, blobs{"x": []byte("four")})
	size, huge := int64(4), int64(1)<<62
	for name, f := range map[string]*File{
		"above":     {Path: "../x", Mode: syscall.S_IFREG},
		"absolute":  {Path: "/tmp/x", Mode: syscall.S_IFREG},
		"empty":     {Path: "", Mode: syscall.S_IFREG},
		"by a link": {Path: "out/x", Mode: syscall.S_IFREG},
		"directory": {Path: "out/d/e", Mode: syscall.S_IFDIR},
		"onto":      {Path: "link", Mode: syscall.S_IFREG},
		"device":    {Path: "dev", Mode: syscall.S_IFCHR},
		"encoding":  {Path: "e", Mode: syscall.S_IFREG, Encoding: "rot13", Data: []byte(`"x"`)},
		"base64":    {Path: "e", Mode: syscall.S_IFREG, Encoding: "base64", Data: []byte(`"!"`)},
		"number":    {Path: "e", Mode: syscall.S_IFREG, Encoding: "utf-8", Data: []byte(`1`)},
		"no target": {Path: "e", Mode: syscall.S_IFLNK},
		"no blobs":  {Path: "e", Mode: syscall.S_IFREG, Encoding: "blobvec", Size: &size, Data: []byte(`7`)},
		"short":     {Path: "e", Mode: syscall.S_IFREG, Encoding: "blobvec", Size: &size, Data: []byte(`[[0,3,"x"]]`)},
		"beyond":    {Path: "e", Mode: syscall.S_IFREG, Encoding: "blobvec", Size: &size, Data: []byte(`[[1,4,"x"]]`)},
		"negative":  {Path: "e", Mode: syscall.S_IFREG, Encoding: "blobvec", Size: &size, Data: []byte(`[[-1,4,"x"]]`)},
		"overflow":  {Path: "e", Mode: syscall.S_IFREG, Encoding: "blobvec", Size: &huge, Data: []byte(`[[4611686018427387900,9223372036854775807,"x"]]`)},
		"backwards": {Path: "e", Mode: syscall.S_IFREG, Encoding: "blobvec", Size: &size, Data: []byte(`[[2,2,"x"],[0,2,"x"]]`)},
		"missing":   {Path: "e", Mode: syscall.S_IFREG, Encoding: "blobvec", Size: &size, Data: []byte(`[[0,4,"y"]]`)},
		"no size":   {Path: "e", Mode: syscall.S_IFREG, Encoding: "blobvec", Data: []byte(`[[0,4,"x"]]`)},
		"none":      {Path: "e", Mode: syscall.S_IFREG, Encoding: "blobvec", Data: []byte(`[]`)},
	} {
		if err := x.Extract(t.Context(), f); err == nil {
			t.Errorf("%s: extracted", name)
		}
	}
	if left, _ := os.ReadDir(outside); len(left) != 0 {
		t.Errorf("outside: %v", left)
	}
	if left, _ := os.ReadDir(dst); len(left) != 2 {
		t.Errorf("left over: %v", left)
	}
}
