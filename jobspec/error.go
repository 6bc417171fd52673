// SPDX-License-Identifier: LGPL-3.0-or-later

package jobspec

import (
	"fmt"
	"syscall"
)

// Error says what is wrong with a jobspec and where. It wraps EINVAL.
type Error struct {
	// Path leads to the value, e.g. "attributes.system.duration"; empty if
	// the whole is meant.
	Path string
	// Msg is the sentence for a person.
	Msg string
}

// Error is "path: message".
func (e *Error) Error() string {
	if e.Path == "" {
		return e.Msg
	}
	return e.Path + ": " + e.Msg
}

// Unwrap makes errors.As find EINVAL for the wire.
func (e *Error) Unwrap() error { return syscall.EINVAL }

func errorf(path, format string, args ...any) *Error {
	return &Error{Path: path, Msg: fmt.Sprintf(format, args...)}
}
