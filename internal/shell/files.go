// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/flux"
	"goflux/internal/message"
)

// files puts the files that come with the jobspec (attributes.system.files, a
// batch script for instance) into the job's temporary directory. They are file
// references (RFC 37).
type files struct{ s *Shell }

// fileref is a file reference: a regular file, directory or symbolic link.
// Data is text, base64 of it, JSON, or places of blobs in the content store.
type fileref struct {
	Path     string         `json:"path"`
	Mode     uint32         `json:"mode"`
	Size     int64          `json:"size"`
	Encoding string         `json:"encoding"`
	Data     jsontext.Value `json:"data"`
}

func (f *files) init() error {
	raw := f.s.job.jobspec.Attr("system.files")
	if raw == nil {
		return nil
	}
	byName := map[string]fileref{}
	if err := message.Unmarshal(raw, &byName); err != nil {
		return fmt.Errorf("failed to unpack jobspec: attributes.system.files: %w", err)
	}
	for name, ref := range byName {
		if ref.Path == "" {
			ref.Path = name
		}
		if err := f.s.extract(f.s.job.env["FLUX_JOB_TMPDIR"], &ref); err != nil {
			return fmt.Errorf("extract file %s: %w", ref.Path, err)
		}
	}
	return nil
}

// extract makes the file that ref describes below dir; a path that leads out
// of it is refused.
func (s *Shell) extract(dir string, ref *fileref) error {
	if !filepath.IsLocal(ref.Path) {
		return syscall.EPERM
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	s.log.tracef("files", "extracting file %s size=%d mode=%04o", ref.Path, ref.Size, ref.Mode&0o7777)
	if parent := filepath.Dir(ref.Path); parent != "." {
		if err := root.MkdirAll(parent, 0o755); err != nil {
			return err
		}
	}
	data, err := s.fileData(ref)
	if err != nil {
		return err
	}
	perm := fs.FileMode(ref.Mode & 0o777)
	switch ref.Mode & syscall.S_IFMT {
	case syscall.S_IFDIR:
		return root.MkdirAll(ref.Path, perm)
	case syscall.S_IFLNK:
		return root.Symlink(string(data), ref.Path)
	}
	if err := root.WriteFile(ref.Path, data, perm); err != nil {
		return err
	}
	return root.Chmod(ref.Path, perm)
}

func (s *Shell) fileData(ref *fileref) ([]byte, error) {
	var text string
	switch ref.Encoding {
	case "":
		if ref.Data == nil {
			return nil, nil
		}
		return ref.Data, nil // JSON, as it is
	case "utf-8", "base64":
		if err := message.Unmarshal(ref.Data, &text); err != nil {
			return nil, err
		}
		if ref.Encoding == "utf-8" {
			return []byte(text), nil
		}
		return base64.StdEncoding.DecodeString(text)
	case "blobvec":
		return s.blobs(ref)
	}
	return nil, fmt.Errorf("encoding %q is not known", ref.Encoding)
}

// maxFile bounds a file that is put together from blobs, in bytes.
const maxFile = 4 << 30

// blobs puts a file together: each entry is offset, size and reference.
func (s *Shell) blobs(ref *fileref) ([]byte, error) {
	var vec [][3]jsontext.Value
	if err := message.Unmarshal(ref.Data, &vec); err != nil {
		return nil, err
	}
	if ref.Size < 0 || ref.Size > maxFile {
		return nil, syscall.EFBIG
	}
	out := make([]byte, ref.Size)
	for _, e := range vec {
		var at, n int64
		var blob string
		if err := firstError(message.Unmarshal(e[0], &at), message.Unmarshal(e[1], &n), message.Unmarshal(e[2], &blob)); err != nil {
			return nil, err
		}
		b, err := s.load(blob)
		if err != nil {
			return nil, err
		}
		if at < 0 || n != int64(len(b)) || at+n > ref.Size {
			return nil, syscall.EPROTO
		}
		copy(out[at:], b)
	}
	return out, nil
}

func (s *Shell) load(blobref string) ([]byte, error) {
	call, err := s.link.conn().Go("content.load", flux.NodeAny, []byte(blobref))
	if err != nil {
		return nil, err
	}
	m, err := call.Message(s.link.ctx)
	if err != nil {
		return nil, err
	}
	return m.Payload(), nil
}
