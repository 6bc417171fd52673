// SPDX-License-Identifier: LGPL-3.0-or-later

package process

import (
	"errors"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// defaultPath is searched when the environment has no PATH, as execvp(3) does.
const defaultPath = "/bin:/usr/bin"

// lookup finds the file to execute. A program found but not executable is
// EACCES, unless a later directory of PATH has one that is.
func lookup(program, dir string, env []string) (string, error) {
	if program == "" {
		return "", syscall.ENOENT
	}
	if strings.Contains(program, "/") {
		return program, nil
	}
	found := error(syscall.ENOENT)
	for _, d := range filepath.SplitList(pathOf(env)) {
		if d == "" {
			d = "."
		}
		path := d + "/" + program
		seen := path
		if !filepath.IsAbs(path) && dir != "" {
			seen = filepath.Join(dir, path)
		}
		err := executable(seen)
		if err == nil {
			return path, nil
		}
		if errors.Is(err, syscall.EACCES) {
			found = err
		}
	}
	return "", found
}

// executable reports why path cannot be executed, as far as its mode tells.
// What cannot be seen, in a directory one may not enter, is not there.
func executable(path string) error {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return syscall.ENOENT
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return syscall.EACCES
	}
	return unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS)
}

func pathOf(env []string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(env[i], "PATH="); ok {
			return v
		}
	}
	return defaultPath
}
