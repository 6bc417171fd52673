// SPDX-License-Identifier: LGPL-3.0-or-later

package tty

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// IsTerminal tells whether f is a terminal.
func IsTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// Size is the size of the terminal f; ok is false when f is none.
func Size(f *os.File) (rows, cols int, ok bool) {
	cols, rows, err := term.GetSize(int(f.Fd()))
	return rows, cols, err == nil
}

// Raw puts the terminal f in raw mode and returns what puts it back.
func Raw(f *os.File) (restore func(), err error) {
	fd := int(f.Fd())
	old, err := term.MakeRaw(fd)
	if err != nil {
		return nil, err
	}
	return func() { _ = term.Restore(fd, old) }, nil
}

// WaitReadable waits until reading f would not block. A program in the
// background that reads its terminal is stopped, even while there is nothing
// to read; one that waits first is not.
func WaitReadable(f *os.File) error {
	fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, -1)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// Waiting is how many bytes could be read from f at once, as far as it can tell.
func Waiting(f *os.File) int {
	n, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCINQ)
	if err != nil {
		return 0
	}
	return n
}

// Foreground tells whether the terminal f is this process group's.
func Foreground(f *os.File) bool {
	pgrp, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP)
	return err == nil && pgrp == syscall.Getpgrp()
}

// Keep returns what takes the terminal f back for this process group, in the
// mode that it is in now. A terminal that has gone by then needs nothing.
func Keep(f *os.File) (restore func()) {
	fd := int(f.Fd())
	mode, err := term.GetState(fd)
	return func() {
		_ = unix.IoctlSetPointerInt(fd, unix.TIOCSPGRP, syscall.Getpgrp())
		if err == nil {
			_ = term.Restore(fd, mode)
		}
	}
}
