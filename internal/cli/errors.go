// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"

	"goflux/flux"
)

// statusError ends a command with an exit status and, unless text is empty, a
// line on standard error.
type statusError struct {
	status int
	text   string
	cause  error
	usage  bool
}

func (e *statusError) Error() string { return e.text }
func (e *statusError) Unwrap() error { return e.cause }

// ExitError ends the program with a status; what there is to tell has been
// told.
type ExitError int

func (e ExitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// fail is an error of status 1. Errors among args are shown as flux.ErrorText
// words them; the last of them is the cause.
func fail(format string, args ...any) error { return failStatus(1, format, args...) }

// failStatus is fail with another exit status.
func failStatus(status int, format string, args ...any) error {
	e := &statusError{status: status}
	for i, a := range args {
		if err, ok := a.(error); ok {
			e.cause = err
			args[i] = errorText(err)
		}
	}
	e.text = fmt.Sprintf(format, args...)
	return e
}

// exitStatus ends a command with a status and no words.
func exitStatus(status int) error {
	if status == 0 {
		return nil
	}
	return &statusError{status: status}
}

// usageError is a mistake on the command line.
func usageError(format string, args ...any) error {
	return &statusError{text: fmt.Sprintf(format, args...), usage: true}
}

// errorText is what to tell a person about err: a service's own sentence, what
// the system says, or the error's text.
func errorText(err error) string {
	var s *statusError
	if errors.As(err, &s) {
		return s.text
	}
	var service *flux.Error
	var path *fs.PathError
	var network *net.OpError
	var system *os.SyscallError
	var num syscall.Errno
	if errors.As(err, &service) || errors.As(err, &path) || errors.As(err, &network) || errors.As(err, &system) ||
		errors.As(err, &num) && error(num) == err {
		return flux.ErrorText(err)
	}
	return err.Error()
}

// fullErrorText is a service's sentence followed by what the system says of its
// errno, for commands whose callers look for that.
func fullErrorText(err error) string {
	text, errno := errorText(err), flux.ErrorText(flux.Errno(err))
	if strings.Contains(text, errno) {
		return text
	}
	return text + ": " + errno
}

// osErrorText is the text strict commands show for an error that a service
// answered: with its number in front.
func osErrorText(err error) string {
	return fmt.Sprintf("[Errno %d] %s", int(flux.Errno(err)), errorText(err))
}
