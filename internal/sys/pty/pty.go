// SPDX-License-Identifier: LGPL-3.0-or-later

package pty

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Terminal is a pseudo-terminal. Leader is our side, non-blocking; Follower is
// the side for a child, to be closed here once that has it. When all followers
// are closed reading the leader fails with EIO.
type Terminal struct {
	Leader, Follower *os.File
}

// Size of a new terminal, until someone knows better.
const (
	defaultRows = 25
	defaultCols = 80
)

// Open opens a pseudo-terminal of 80 by 25.
func Open() (*Terminal, error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open a pseudo-terminal: %w", err)
	}
	leader := os.NewFile(uintptr(fd), "/dev/ptmx")
	follower, err := openFollower(fd)
	if err != nil {
		leader.Close()
		return nil, fmt.Errorf("open a pseudo-terminal: %w", err)
	}
	t := &Terminal{leader, follower}
	if err := t.Resize(defaultRows, defaultCols); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

func openFollower(leader int) (*os.File, error) {
	n, err := unix.IoctlGetInt(leader, unix.TIOCGPTN)
	if err != nil {
		return nil, err
	}
	if err := unix.IoctlSetPointerInt(leader, unix.TIOCSPTLCK, 0); err != nil {
		return nil, err
	}
	name := fmt.Sprintf("/dev/pts/%d", n)
	fd, err := unix.Open(name, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// control runs fn with the leader's descriptor.
func (t *Terminal) control(fn func(fd int) error) error {
	raw, err := t.Leader.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = fn(int(fd)) }); err != nil {
		return err
	}
	return inner
}

// Resize sets the size in characters; the foreground processes get SIGWINCH.
func (t *Terminal) Resize(rows, cols uint16) error {
	return t.control(func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: cols})
	})
}

// Signal signals the terminal's foreground processes. ESRCH when it has none.
func (t *Terminal) Signal(sig syscall.Signal) error {
	return t.control(func(fd int) error {
		group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
		if err != nil {
			return err
		}
		if group <= 0 {
			return syscall.ESRCH
		}
		return syscall.Kill(-group, sig)
	})
}

// Close closes both sides.
func (t *Terminal) Close() {
	t.Leader.Close()
	t.Follower.Close()
}
