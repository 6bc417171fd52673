// SPDX-License-Identifier: LGPL-3.0-or-later

package rset

import (
	"fmt"
	"syscall"
)

// MaxRanks bounds the ranks of one R, because some operations cost memory for
// each: a million, some hundred times the largest machines.
const MaxRanks = 1 << 20

// Error says what is wrong with a resource set or an operation on it.
type Error struct {
	// Path leads to the value in R, e.g. "execution.R_lite[0].rank"; empty if
	// the message says it all.
	Path string
	Msg  string
	// Errno is EINVAL unless the operation says otherwise.
	Errno syscall.Errno
}

// Error is "path: message".
func (e *Error) Error() string {
	if e.Path == "" {
		return e.Msg
	}
	return e.Path + ": " + e.Msg
}

// Unwrap makes errors.As find the errno for the wire.
func (e *Error) Unwrap() error { return e.Errno }

func errorf(path, format string, args ...any) *Error {
	return &Error{Path: path, Msg: fmt.Sprintf(format, args...), Errno: syscall.EINVAL}
}

func (e *Error) with(errno syscall.Errno) *Error {
	e.Errno = errno
	return e
}
