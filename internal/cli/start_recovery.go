// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"goflux/flux"
)

// defaultStatedir is where the system instance keeps its state.
const defaultStatedir = "/var/lib/flux"

// recover checks what is to be recovered, a directory of state or a dump, and
// returns the broker's options for it; system says that it is the system
// instance's.
func (o *startOptions) recover() (argv []string, system bool, err error) {
	argv = []string{
		"-Sbroker.recovery-mode=1", "-Sbroker.quorum=1", "-Sbroker.module-nopanic=1", "-Slog-stderr-level=5",
	}
	if o.recovery == defaultStatedir {
		system = true
		if systemInstanceRuns() {
			return nil, false, fail("system instance is already running")
		}
	}
	st, err := os.Stat(o.recovery)
	if err != nil {
		return nil, false, fail("%s: %v", o.recovery, err)
	}
	if !st.IsDir() {
		return append(argv, "-Scontent.restore="+o.recovery), system, nil
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok && int(sys.Uid) != os.Getuid() {
		return nil, false, fail("%s: not owned by you", o.recovery)
	}
	if st.Mode().Perm()&0o700 != 0o700 {
		return nil, false, fail("%s: no access", o.recovery)
	}
	if err := mayUse(filepath.Join(o.recovery, "content.sqlite")); err != nil {
		return nil, false, err
	}
	return append(argv, "-Sstatedir="+o.recovery), system, nil
}

func mayUse(path string) error {
	if _, err := os.Stat(path); err != nil {
		return fail("%s: %v", path, err)
	}
	const read, write = 4, 2
	if syscall.Access(path, read) != nil {
		return fail("%s: no read permission", path)
	}
	if syscall.Access(path, write) != nil {
		return fail("%s: no write permission", path)
	}
	return nil
}

func systemInstanceRuns() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := flux.Open(ctx, flux.SystemURI)
	if err != nil {
		return false
	}
	c.Close()
	return true
}
