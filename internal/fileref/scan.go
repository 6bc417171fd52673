// SPDX-License-Identifier: LGPL-3.0-or-later

package fileref

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unicode/utf8"

	"goflux/internal/message"
)

// Scanner makes objects of files.
type Scanner struct {
	// ChunkSize is the largest blob, in bytes; 0 is no limit.
	ChunkSize int64
	// SmallFile is the size up to which content is part of the object; below
	// 0 it never is.
	SmallFile int64
	// Blob is given the blobs in order and returns their blobrefs.
	Blob func(data []byte) (ref string, err error)
}

// Scan makes an object of a file, not following a link. The object's path has
// no slash in front. EINVAL for a kind of file that RFC 37 has not.
func (s *Scanner) Scan(path string) (*File, error) {
	// O_NONBLOCK: a FIFO is to be refused, not waited for.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		return scanLink(path)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	out, sys := describe(path, st)
	switch {
	case out.IsDir():
		return out, nil
	case !out.IsRegular():
		return nil, message.Errorf(syscall.EINVAL, "%s: unsupported file type", path)
	}
	out.Size = &sys.Size
	if err := s.content(out, f, sys.Size); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return out, nil
}

func describe(path string, st os.FileInfo) (*File, *syscall.Stat_t) {
	sys := st.Sys().(*syscall.Stat_t)
	path = strings.TrimLeft(filepath.Clean(path), "/")
	if path == "" {
		path = "."
	}
	mtime, ctime := sys.Mtim.Sec, sys.Ctim.Sec
	return &File{Path: path, Mode: sys.Mode, Mtime: &mtime, Ctime: &ctime}, sys
}

func scanLink(path string) (*File, error) {
	st, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	target, err := os.Readlink(path)
	if err != nil {
		return nil, err
	}
	f, _ := describe(path, st)
	if f.Data, err = message.Marshal(target); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// content fills in a regular file's content. A file that is one hole has none.
func (s *Scanner) content(out *File, f *os.File, size int64) error {
	start, _, err := nextData(f, 0, size)
	if err != nil || start == size {
		return err
	}
	if size <= s.SmallFile {
		data := make([]byte, size)
		if _, err := io.ReadFull(io.NewSectionReader(f, 0, size), data); err != nil {
			return err
		}
		return out.setInline(data)
	}
	regions := []Region{}
	for at := start; at < size; {
		first, end, err := nextData(f, at, size)
		if err != nil {
			return err
		}
		if regions, err = s.blobs(regions, f, first, end); err != nil {
			return err
		}
		at = end
	}
	out.Encoding = encodingBlobs
	out.Data, err = message.Marshal(regions)
	return err
}

func (f *File) setInline(data []byte) (err error) {
	text := string(data)
	f.Encoding = encodingText
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 { // a NUL is more than clients in C can take
		f.Encoding = encodingBytes
		text = base64.StdEncoding.EncodeToString(data)
	}
	f.Data, err = message.Marshal(text)
	return err
}

// blobs makes blobs of the bytes from start to end.
func (s *Scanner) blobs(regions []Region, f *os.File, start, end int64) ([]Region, error) {
	for start < end {
		n := end - start
		if s.ChunkSize > 0 {
			n = min(n, s.ChunkSize)
		}
		data := make([]byte, n)
		if _, err := io.ReadFull(io.NewSectionReader(f, start, n), data); err != nil {
			return nil, err
		}
		ref, err := s.Blob(data)
		if err != nil {
			return nil, err
		}
		regions = append(regions, Region{start, n, ref})
		start += n
	}
	return regions, nil
}

// lseek(2)'s ways to find holes.
const (
	seekData = 3
	seekHole = 4
)

// nextData returns where data begins at or after at, and where it ends; both
// are size when there is none. A file system that knows no holes has none.
func nextData(f *os.File, at, size int64) (start, end int64, err error) {
	start, err = f.Seek(at, seekData)
	switch {
	case errors.Is(err, syscall.ENXIO):
		return size, size, nil
	case errors.Is(err, syscall.EINVAL):
		return at, size, nil
	case err != nil:
		return 0, 0, err
	}
	if end, err = f.Seek(start, seekHole); err != nil {
		return 0, 0, err
	}
	return min(start, size), min(end, size), nil
}
