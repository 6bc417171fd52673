// SPDX-License-Identifier: LGPL-3.0-or-later

package fileref

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/internal/message"
)

// Encodings of a regular file's data. Without one, the data is JSON.
const (
	encodingText  = "utf-8"
	encodingBytes = "base64"
	encodingBlobs = "blobvec"
)

// File is a file system object. Times are in seconds since the epoch.
type File struct {
	Path     string         `json:"path,omitzero"`
	Mode     uint32         `json:"mode"` // st_mode: type and permissions
	Mtime    *int64         `json:"mtime,omitzero"`
	Ctime    *int64         `json:"ctime,omitzero"`
	Size     *int64         `json:"size,omitzero"`
	Encoding string         `json:"encoding,omitzero"`
	Data     jsontext.Value `json:"data,omitzero"`
}

// Region is a part of a file that is in the content store, in bytes.
type Region struct {
	Offset, Size int64
	Ref          string
}

// MarshalJSON is RFC 37's triple.
func (r Region) MarshalJSON() ([]byte, error) {
	return message.Marshal([]any{r.Offset, r.Size, r.Ref})
}

// UnmarshalJSON reads RFC 37's triple.
func (r *Region) UnmarshalJSON(b []byte) error {
	var triple [3]jsontext.Value
	err := message.Unmarshal(b, &triple)
	for i, v := range []any{&r.Offset, &r.Size, &r.Ref} {
		if err == nil {
			err = message.Unmarshal(triple[i], v)
		}
	}
	return err
}

func (f *File) isType(t uint32) bool { return f.Mode&syscall.S_IFMT == t }

// IsDir and the like tell a file's type.
func (f *File) IsDir() bool { return f.isType(syscall.S_IFDIR) }

// IsSymlink tells whether it is a symbolic link.
func (f *File) IsSymlink() bool { return f.isType(syscall.S_IFLNK) }

// IsRegular tells whether it is a regular file.
func (f *File) IsRegular() bool { return f.isType(syscall.S_IFREG) }

// perm are the permissions.
func (f *File) perm() fs.FileMode { return fs.FileMode(f.Mode & 0o777) }

// Long is a line of a long listing: type, permissions, size, path.
func (f *File) Long() string {
	kind := "?"
	switch {
	case f.IsRegular():
		kind = "f"
	case f.IsSymlink():
		kind = "l"
	case f.IsDir():
		kind = "d"
	}
	size := int64(0)
	if f.Size != nil {
		size = *f.Size
	}
	return fmt.Sprintf("%s 0%o %8d %s", kind, f.perm(), size, f.Path)
}

// Regions are the places of a file's blobs; nil when it has none.
func (f *File) Regions() ([]Region, error) {
	if !f.IsRegular() || f.Encoding != encodingBlobs {
		return nil, nil
	}
	if f.Size == nil {
		return nil, message.Errorf(syscall.EINVAL, "blobvec: the file has no size")
	}
	var list []Region
	if err := message.Unmarshal(f.Data, &list); err != nil {
		return nil, fmt.Errorf("error decoding blobvec: %w", err)
	}
	end := int64(0)
	for _, r := range list {
		if r.Offset < end || r.Size < 0 || r.Size > *f.Size-r.Offset {
			return nil, message.Errorf(syscall.EINVAL, "blobvec: %d bytes at %d are out of place", r.Size, r.Offset)
		}
		end = r.Offset + r.Size
	}
	return list, nil
}

// text is data that is a string.
func (f *File) text() (string, error) {
	var s string
	if err := message.Unmarshal(f.Data, &s); err != nil {
		return "", fmt.Errorf("error decoding data: %w", err)
	}
	return s, nil
}

// inline is the content of a regular file that is not in blobs.
func (f *File) inline() ([]byte, error) {
	switch f.Encoding {
	case "":
		return f.Data, nil
	case encodingText, encodingBytes:
	default:
		return nil, message.Errorf(syscall.EINVAL, "encoding %q is not known", f.Encoding)
	}
	s, err := f.text()
	if err != nil {
		return nil, err
	}
	if f.Encoding == encodingText {
		return []byte(s), nil
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("error decoding data: %w", err)
	}
	return b, nil
}
