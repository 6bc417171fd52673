// SPDX-License-Identifier: LGPL-3.0-or-later

package errname

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Of is an errno's symbol, "ENOENT"; "" when it has none.
func Of(errno syscall.Errno) string { return unix.ErrnoName(errno) }
