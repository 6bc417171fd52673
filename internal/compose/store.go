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
// the instance.
func provideStore(env Env) {
	env.Provide("store", func() (any, error) {
		if dir, ok := env.Attr("statedir"); ok && dir != "" {
			cleanup, _ := env.Attr("statedir-cleanup")
			if err := os.MkdirAll(dir, 0o700); err != nil {
				return nil, err
			}
			return store.Open(filepath.Join(dir, store.FileName), store.Options{Lasting: cleanup != "1"})
		}
		dir, ok := env.Attr("rundir")
		if !ok {
			return nil, message.Errorf(syscall.ENOENT, "neither statedir nor rundir is set")
		}
		return store.Open(filepath.Join(dir, store.FileName), store.Options{})
	})
}
