// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"archive/tar"
	"bufio"
	"compress/bzip2"
	"compress/gzip"
	"io"
	"os"
	"strings"
	"time"
)

// archiveWriter writes the archives of flux dump: tar, as a stream or as a file
// that may be compressed.
type archiveWriter struct {
	time time.Time // of all that is in it

	path string
	made bool     // the file was not there before
	dest *os.File // nil for standard output
	buf  *bufio.Writer
	zip  *gzip.Writer // or nil
	tar  *tar.Writer
}

// createArchive makes an archive in the format that the name's suffix stands
// for; "-" is an uncompressed one on standard output.
func (a *app) createArchive(path string) (*archiveWriter, error) {
	w := &archiveWriter{path: path}
	if path == "-" {
		w.buf = a.out
		w.tar = tar.NewWriter(w.buf)
		return w, nil
	}
	compress := strings.HasSuffix(path, ".tgz") || strings.HasSuffix(path, ".tar.gz")
	if !compress && !strings.HasSuffix(path, ".tar") {
		return nil, fail("%s: cannot tell the format: the name should end in .tar, .tar.gz or .tgz", path)
	}
	_, err := os.Lstat(path)
	w.made = os.IsNotExist(err)
	if w.dest, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o666); err != nil {
		return nil, fail("%s: %v", path, err)
	}
	w.buf = bufio.NewWriterSize(w.dest, archiveBuffer)
	if compress {
		w.zip = gzip.NewWriter(w.buf)
		w.tar = tar.NewWriter(w.zip)
	} else {
		w.tar = tar.NewWriter(w.buf)
	}
	return w, nil
}

// archiveBuffer is the size of what is read or written at once.
const archiveBuffer = 256 << 10

// file adds a regular file, whose contents are the joined pieces.
func (w *archiveWriter) file(path string, data ...[]byte) error {
	size := 0
	for _, b := range data {
		size += len(b)
	}
	if err := w.header(&tar.Header{Typeflag: tar.TypeReg, Name: path, Size: int64(size)}); err != nil {
		return err
	}
	for _, b := range data {
		if _, err := w.tar.Write(b); err != nil {
			return fail("%s: %v", w.path, err)
		}
	}
	return nil
}

// symlink adds a symbolic link.
func (w *archiveWriter) symlink(path, target string) error {
	return w.header(&tar.Header{Typeflag: tar.TypeSymlink, Name: path, Linkname: target})
}

func (w *archiveWriter) header(h *tar.Header) error {
	h.Mode, h.ModTime = 0o644, w.time
	h.Uid, h.Gid = os.Getuid(), os.Getgid()
	if err := w.tar.WriteHeader(h); err != nil {
		return fail("%s: %v", h.Name, err)
	}
	return nil
}

// finish completes the archive, on disk: what it was made from may go next.
func (w *archiveWriter) finish() error {
	err := w.tar.Close()
	if w.zip != nil && err == nil {
		err = w.zip.Close()
	}
	if err == nil {
		err = w.buf.Flush()
	}
	if w.dest != nil {
		if st, serr := w.dest.Stat(); err == nil && serr == nil && st.Mode().IsRegular() {
			err = w.dest.Sync()
		}
		if cerr := w.dest.Close(); err == nil {
			err = cerr
		}
	}
	if err != nil {
		w.abandon()
		return fail("%s: %v", w.path, err)
	}
	return nil
}

// abandon takes an unfinished archive away.
func (w *archiveWriter) abandon() {
	if w.dest == nil {
		return
	}
	_ = w.dest.Close()
	if w.made {
		_ = os.Remove(w.path)
	}
}

// magics are the first bytes of formats, and why one is not read.
var magics = []struct{ magic, refuse string }{
	{"\xfd7zXZ\x00", "xz"},
	{"\x28\xb5\x2f\xfd", "zstd"},
	{"\x04\x22\x4d\x18", "lz4"},
	{"PK\x03\x04", "zip"},
	{"070701", "cpio"},
	{"070707", "cpio"},
}

// readArchive reads a tar archive, compressed by gzip or bzip2 or not at all,
// as its first bytes tell.
func readArchive(r io.Reader) (*tar.Reader, error) {
	in := bufio.NewReaderSize(r, archiveBuffer)
	head, _ := in.Peek(6) // a short file is no archive, which the reader tells
	for _, m := range magics {
		if strings.HasPrefix(string(head), m.magic) {
			return nil, fail("%s archives are not read: unpack it and make it a .tar or .tar.gz", m.refuse)
		}
	}
	switch {
	case strings.HasPrefix(string(head), "\x1f\x8b"):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, err
		}
		return tar.NewReader(z), nil
	case strings.HasPrefix(string(head), "BZh"):
		return tar.NewReader(bzip2.NewReader(in)), nil
	}
	return tar.NewReader(in), nil
}
