// SPDX-License-Identifier: LGPL-3.0-or-later

package resource

import (
	"fmt"
	"syscall"
)

// Error says why something asked of the machine was refused, in the words that
// flux-core's users know. It wraps an errno for the wire.
type Error struct {
	Msg   string
	Errno syscall.Errno
}

func (e *Error) Error() string { return e.Msg }

// Unwrap makes errors.As find the errno.
func (e *Error) Unwrap() error { return e.Errno }

func errorf(num syscall.Errno, format string, args ...any) *Error {
	return &Error{Msg: fmt.Sprintf(format, args...), Errno: num}
}

// plural is "rank 1" or "ranks 1-2".
func plural(n int, ids fmt.Stringer) string {
	if n > 1 {
		return "ranks " + ids.String()
	}
	return "rank " + ids.String()
}
