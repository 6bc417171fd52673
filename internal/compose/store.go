// SPDX-License-Identifier: LGPL-3.0-or-later

package compose

import (
	"os"
	"path/filepath"
	"syscall"

	"goflux/internal/message"
	"goflux/internal/store"
)

// provideStore opens the store when it is first asked for: in the statedir,
// where it lasts, or else in the run directory, where it is thrown away with
// the instance. Its path may be asked for before that.
func provideStore(env Env) {
	env.Provide("store.path", func() (any, error) {
		path, _, err := storePath(env)
		return path, err
	})
	env.Provide("store", func() (any, error) {
		path, lasting, err := storePath(env)
		if err != nil {
			return nil, err
		}
		return store.Open(path, store.Options{Lasting: lasting})
	})
}

func storePath(env Env) (path string, lasting bool, err error) {
	if dir, ok := env.Attr("statedir"); ok && dir != "" {
		cleanup, _ := env.Attr("statedir-cleanup")
		return filepath.Join(dir, store.FileName), cleanup != "1", os.MkdirAll(dir, 0o700)
	}
	dir, ok := env.Attr("rundir")
	if !ok {
		return "", false, message.Errorf(syscall.ENOENT, "neither statedir nor rundir is set")
	}
	return filepath.Join(dir, store.FileName), false, nil
}
