// SPDX-License-Identifier: LGPL-3.0-or-later

package message

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Error is an error that crosses a message: an errno for programs and a
// sentence for people.
type Error struct {
	Num  syscall.Errno
	Text string // "" when the errno says it all
}

func (e *Error) Error() string {
	if e.Text != "" {
		return e.Text
	}
	return ErrnoText(e.Num)
}

// Unwrap gives errors.Is and errors.As the errno.
func (e *Error) Unwrap() error { return e.Num }

// Errorf returns an [*Error] with errno num and the formatted text.
func Errorf(num syscall.Errno, format string, args ...any) error {
	return &Error{Num: num, Text: fmt.Sprintf(format, args...)}
}

// Errno returns the errno that err wraps; ETIMEDOUT or ECANCELED for a
// context's end; EINVAL for an error that wraps none.
func Errno(err error) syscall.Errno {
	var num syscall.Errno
	switch {
	case err == nil:
		return 0
	case errors.As(err, &num):
		return num
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return syscall.ETIMEDOUT
	case errors.Is(err, context.Canceled):
		return syscall.ECANCELED
	}
	return syscall.EINVAL
}

// ErrnoText is the errno's text as the C library words it ("No such file or
// directory"), which is what users of Flux know.
func ErrnoText(num syscall.Errno) string {
	s := num.Error()
	if t, ok := libcText[num]; ok {
		return t
	}
	if s == "" {
		return s
	}
	return string(s[0]-'a'+'A') + s[1:]
}

// libcText holds the texts that differ from Go's by more than the capital.
var libcText = map[syscall.Errno]string{
	syscall.EIO:        "Input/output error",
	syscall.EOPNOTSUPP: "Operation not supported",
	syscall.EXDEV:      "Invalid cross-device link",
	syscall.ENODATA:    "No data available",
	syscall.ENOTTY:     "Inappropriate ioctl for device",
	syscall.EILSEQ:     "Invalid or incomplete multibyte or wide character",
	syscall.ENOTSOCK:   "Socket operation on non-socket",
	syscall.ESRCH:      "No such process",
	syscall.E2BIG:      "Argument list too long",
	syscall.ERANGE:     "Numerical result out of range",
	syscall.EDOM:       "Numerical argument out of domain",
	syscall.EBADRQC:    "Invalid request code",
	syscall.ENXIO:      "No such device or address",
}
