// SPDX-License-Identifier: LGPL-3.0-or-later

package constraint

import (
	"fmt"
	"syscall"
)

// Error says why a constraint object or query was refused. It wraps EINVAL.
type Error struct {
	// Path leads to the operator at fault, e.g. ".and[1].ranks"; it is empty
	// at the top and in errors about queries.
	Path string
	// Msg is the sentence for a person.
	Msg string
}

// Error returns the message alone: these words reach users in job exceptions.
func (e *Error) Error() string { return e.Msg }

// Unwrap makes errors.As find EINVAL for the wire.
func (e *Error) Unwrap() error { return syscall.EINVAL }

func errorf(format string, args ...any) *Error {
	return &Error{Msg: fmt.Sprintf(format, args...)}
}
