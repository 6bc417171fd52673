// SPDX-License-Identifier: LGPL-3.0-or-later

package sigdefault

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sigaction is the kernel's struct sigaction; all zero is SIG_DFL, no flags, no
// mask.
type sigaction struct {
	handler, flags, restorer uintptr
	mask                     uint64
}

// Set gives sig its default action. A later signal.Notify for it has no effect:
// the run time believes its handler to be in place.
func Set(sig syscall.Signal) error {
	var action sigaction
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig),
		uintptr(unsafe.Pointer(&action)), 0, unsafe.Sizeof(action.mask), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
