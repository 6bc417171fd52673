// SPDX-License-Identifier: LGPL-3.0-or-later

package process

import (
	"os"
	"syscall"
	"unsafe"
)

// SetLastArg changes the last argument of this process as others see it (ps),
// and does nothing when there is less room for the new one than it needs.
func SetLastArg(arg string) {
	last := os.Args[len(os.Args)-1]
	if len(arg) > len(last) || last == "" {
		return
	}
	// Arguments are where the kernel has put them, in memory that may be written.
	b := unsafe.Slice(unsafe.StringData(last), len(last))
	clear(b[copy(b, arg):])
}

// NoChildren reports whether this process has no children, not even one that
// has ended and nobody has waited for. One of those is waited for.
func NoChildren() bool {
	_, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
	return err == syscall.ECHILD
}
