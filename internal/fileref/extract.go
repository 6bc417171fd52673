// SPDX-License-Identifier: LGPL-3.0-or-later

package fileref

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"goflux/internal/message"
)

// Extractor makes files of objects, below a directory.
type Extractor struct {
	Root *os.Root
	// Overwrite replaces files that exist; else they are an error (EEXIST).
	Overwrite bool
	// Load requests a blob and returns what waits for it.
	Load func(ref string) func(context.Context) ([]byte, error)

	dirs []*File // whose permissions and times are still to be set
}

// Extract makes a file, and the directories above it.
func (x *Extractor) Extract(ctx context.Context, f *File) error {
	if !filepath.IsLocal(f.Path) {
		return message.Errorf(syscall.EINVAL, "%s: the path leads out of the directory", f.Path)
	}
	err := x.extract(ctx, f)
	var path *fs.PathError
	if errors.As(err, &path) && path.Path == f.Path {
		err = path.Err
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	return nil
}

func (x *Extractor) extract(ctx context.Context, f *File) error {
	if parent := filepath.Dir(f.Path); parent != "." {
		if err := x.Root.MkdirAll(parent, 0o777); err != nil {
			return err
		}
	}
	switch {
	case f.IsDir():
		// Whatever its permissions, files are to be put into it.
		if err := x.Root.MkdirAll(f.Path, 0o777); err != nil {
			return err
		}
		x.dirs = append(x.dirs, f)
		return nil
	case f.IsSymlink():
		target, err := f.text()
		if err == nil {
			err = x.clear(f.Path)
		}
		if err != nil {
			return err
		}
		return x.Root.Symlink(target, f.Path)
	case f.IsRegular():
		return x.regular(ctx, f)
	}
	return message.Errorf(syscall.EINVAL, "unsupported file type %o", f.Mode&syscall.S_IFMT)
}

// clear makes room for a file.
func (x *Extractor) clear(path string) error {
	if !x.Overwrite {
		return nil
	}
	if err := x.Root.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (x *Extractor) regular(ctx context.Context, f *File) error {
	if err := x.clear(f.Path); err != nil {
		return err
	}
	// O_EXCL: never through a link that was there before.
	out, err := x.Root.OpenFile(f.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = x.fill(ctx, out, f)
	if err == nil {
		err = out.Chmod(f.perm())
	}
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		_ = x.Root.Remove(f.Path) // half a file is worse than none
		return err
	}
	return x.setTime(f)
}

func (x *Extractor) setTime(f *File) error {
	if f.Mtime == nil {
		return nil
	}
	t := time.Unix(*f.Mtime, 0)
	return x.Root.Chtimes(f.Path, t, t)
}

func (x *Extractor) fill(ctx context.Context, out *os.File, f *File) error {
	regions, err := f.Regions()
	if err != nil {
		return err
	}
	if f.Encoding == encodingBlobs {
		return x.fillBlobs(ctx, out, *f.Size, regions)
	}
	data, err := f.inline()
	if err != nil {
		return err
	}
	if _, err := out.Write(data); err != nil {
		return err
	}
	if f.Size != nil && *f.Size > int64(len(data)) && len(data) == 0 {
		return out.Truncate(*f.Size) // all hole
	}
	return nil
}

// window is how many blobs are loaded at once.
const window = 16

// fillBlobs writes blobs to their places; what is between them are holes.
func (x *Extractor) fillBlobs(ctx context.Context, out *os.File, size int64, regions []Region) error {
	if err := out.Truncate(size); err != nil {
		return err
	}
	var waits []func(context.Context) ([]byte, error)
	for i, r := range regions {
		for len(waits) < min(len(regions), i+window) {
			waits = append(waits, x.Load(regions[len(waits)].Ref))
		}
		data, err := waits[i](ctx)
		if err != nil {
			return fmt.Errorf("error loading blob: %w", err)
		}
		waits[i] = nil
		if int64(len(data)) != r.Size {
			return message.Errorf(syscall.EINVAL, "blob at %d has %d bytes, want %d", r.Offset, len(data), r.Size)
		}
		if _, err := out.WriteAt(data, r.Offset); err != nil {
			return err
		}
	}
	return nil
}

// Finish gives directories their permissions and times: the last first, since
// what is in a directory may not be reachable after that.
func (x *Extractor) Finish() error {
	for i := len(x.dirs) - 1; i >= 0; i-- {
		f := x.dirs[i]
		if err := x.Root.Chmod(f.Path, f.perm()); err != nil {
			return err
		}
		if err := x.setTime(f); err != nil {
			return err
		}
	}
	x.dirs = nil
	return nil
}
