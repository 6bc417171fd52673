// SPDX-License-Identifier: LGPL-3.0-or-later

package jobargs

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"goflux/jobspec"
)

// filePerm are the permissions of files that do not come with others.
const filePerm = 0o600

// addFile adds what --add-file=[NAME[:PERMS]=]ARG means: the file ARG, or if
// ARG has a line break, its text.
func addFile(j *jobspec.Jobspec, text string, sys *System) error {
	name, arg, _ := strings.Cut(strings.ReplaceAll(text, `\n`, "\n"), "=")
	if arg == "" {
		if strings.Contains(name, "\n") {
			return fmt.Errorf("--add-file: file name missing")
		}
		return addLocal(j, filepath.Base(name), name, nil, sys)
	}
	var perm *fs.FileMode
	if base, digits, has := strings.Cut(name, ":"); has {
		if n, err := strconv.ParseUint(digits, 8, 32); err == nil {
			mode := fs.FileMode(n).Perm()
			name, perm = base, &mode
		}
	}
	if !strings.Contains(arg, "\n") {
		return addLocal(j, name, arg, perm, sys)
	}
	mode := fs.FileMode(filePerm)
	if perm != nil {
		mode = *perm
	}
	return j.AddTextFile(name, mode, arg)
}

// addLocal adds a file of this host.
func addLocal(j *jobspec.Jobspec, name, path string, perm *fs.FileMode, sys *System) error {
	st, err := sys.Stat(path)
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	data, err := sys.ReadFile(path)
	if err != nil {
		return err
	}
	mode := st.Mode().Perm()
	if perm != nil {
		mode = *perm
	}
	if utf8.Valid(data) {
		return j.AddTextFile(name, mode, string(data))
	}
	return j.AddFile(name, mode, base64.StdEncoding.EncodeToString(data), "base64")
}
