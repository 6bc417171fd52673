// SPDX-License-Identifier: LGPL-3.0-or-later

package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"goflux/internal/broker"
	"goflux/internal/install"
	"goflux/internal/message"
)

// maxSocketPath is the room a unix socket's address has for its path.
const maxSocketPath = 107

// directory makes the directory that attribute name (rundir, statedir) says,
// or a temporary one, and returns what removes it at exit.
func directory(attrs *broker.Attrs, name, tmpdir string) (cleanup func(), err error) {
	path, created, err := makeDirectory(attrs, name, tmpdir)
	if err != nil {
		return nil, fmt.Errorf("%s %w", name, err)
	}
	attrs.Put(name, path)
	remove := created
	if v, ok := attrs.Get(name + "-cleanup"); ok {
		remove = v != "0" && v != ""
	}
	cleanup = func() {}
	if remove {
		cleanup = func() { _ = os.RemoveAll(path) } // at exit there is nobody to tell
	}
	attrs.Put(name+"-cleanup", map[bool]string{true: "1", false: "0"}[remove])
	if err := checkDirectory(path); err != nil {
		cleanup()
		return nil, fmt.Errorf("%s %w", name, err)
	}
	return cleanup, nil
}

func makeDirectory(attrs *broker.Attrs, name, tmpdir string) (path string, created bool, err error) {
	path, ok := attrs.Get(name)
	if !ok {
		return makeTemp(tmpdir)
	}
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return path, true, os.Mkdir(path, 0o700)
	case st.Mode()&os.ModeSticky != 0: // a directory like /tmp
		return makeTemp(path)
	}
	return path, false, nil
}

func makeTemp(dir string) (path string, created bool, err error) {
	if len(dir) > maxTemp {
		return "", false, fmt.Errorf("buffer overflow: the path of the temporary directory is too long")
	}
	if path, err = os.MkdirTemp(dir, "flux-"); err != nil {
		return "", false, fmt.Errorf("cannot create directory in %s: %s", dir, message.ErrnoText(message.Errno(err)))
	}
	return path, true, nil
}

// maxTemp bounds the path of a directory for temporary ones, in which there
// must be room for more.
const maxTemp = 1000

// checkDirectory refuses a directory that is not the owner's own.
func checkDirectory(path string) error {
	st, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("cannot stat %s: %s", path, message.ErrnoText(message.Errno(err)))
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok && int(sys.Uid) != os.Getuid() {
		return fmt.Errorf("%s is not owned by instance owner: %s", path, message.ErrnoText(syscall.EPERM))
	}
	if !st.IsDir() {
		return fmt.Errorf("%s: %s", path, message.ErrnoText(syscall.ENOTDIR))
	}
	if st.Mode().Perm()&0o700 != 0o700 {
		return fmt.Errorf("%s does not have owner=rwx permissions", path)
	}
	return nil
}

// prepareRundir checks that sockets fit in the rundir, and puts a link to flux
// there by which a remote side finds it. The broker that made it removes it.
func prepareRundir(path string) (cleanup func(), err error) {
	if limit := maxSocketPath - len("/local-9999"); len(path) > limit {
		return nil, fmt.Errorf("rundir length of %d bytes exceeds max %d to allow for AF_UNIX socket creation", len(path), limit)
	}
	bin := filepath.Join(path, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		if os.IsExist(err) { // of another broker on this host
			return func() {}, nil
		}
		return nil, err
	}
	cleanup = func() { _ = os.RemoveAll(bin) } // at exit there is nobody to tell
	if err := os.Symlink(install.Flux(), filepath.Join(bin, "flux")); err != nil {
		cleanup()
		return nil, err
	}
	return cleanup, nil
}

// localURI sets where clients connect.
func localURI(attrs *broker.Attrs, rank uint32) error {
	uri, ok := attrs.Get("local-uri")
	if !ok {
		rundir, _ := attrs.Get("rundir")
		attrs.Put("local-uri", fmt.Sprintf("local://%s/local-%d", rundir, rank))
		return nil
	}
	if len(uri) < 8 || uri[:8] != "local://" {
		return fmt.Errorf("local-uri is malformed")
	}
	path := uri[8:]
	if err := checkDirectory(filepath.Dir(path)); err != nil {
		return fmt.Errorf("local-uri directory %w", err)
	}
	if len(path) > maxSocketPath {
		return fmt.Errorf("buffer overflow: local-uri length of %d bytes exceeds max %d AF_UNIX socket path length", len(path), maxSocketPath)
	}
	return nil
}
