// SPDX-License-Identifier: LGPL-3.0-or-later

package pmi

import (
	"fmt"
	"syscall"
)

// Code is a PMI return code (RFC 13, Return Codes).
type Code int

// Return codes (RFC 13).
const (
	Success          Code = 0
	Fail             Code = -1
	ErrInit          Code = 1
	ErrNoMem         Code = 2
	ErrInvalidArg    Code = 3
	ErrInvalidKey    Code = 4
	ErrKeyLength     Code = 5
	ErrInvalidVal    Code = 6
	ErrValLength     Code = 7
	ErrInvalidLength Code = 8
)

var codeText = map[Code]string{
	Fail:             "operation failed",
	ErrInit:          "PMI not initialized",
	ErrNoMem:         "input buffer not large enough",
	ErrInvalidArg:    "invalid argument",
	ErrInvalidKey:    "invalid key argument",
	ErrKeyLength:     "invalid key length argument",
	ErrInvalidVal:    "invalid val argument",
	ErrValLength:     "invalid val length argument",
	ErrInvalidLength: "invalid length argument",
}

func (c Code) Error() string {
	if s, ok := codeText[c]; ok {
		return s
	}
	return fmt.Sprintf("error %d", int(c))
}

// Unwrap gives the errno that says the most: ENOENT for a key that is not
// there, EIO for the rest.
func (c Code) Unwrap() error {
	if c == ErrInvalidKey {
		return syscall.ENOENT
	}
	return syscall.EIO
}
