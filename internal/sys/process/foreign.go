// SPDX-License-Identifier: LGPL-3.0-or-later

package process

import (
	"context"

	"golang.org/x/sys/unix"
)

// Foreign is a process that this one did not start, or not in this life.
type Foreign struct{ pidfd int }

// pollMs is how often a wait for a foreign process looks at its context.
const pollMs = 500

// Find finds process pid, if it is the one that was started at that time (see
// [StartTime]) and not another one that got its number; ok is false when it has
// ended. What is found must be waited for.
func Find(pid int, started string) (f *Foreign, ok bool) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, false
	}
	if StartTime(pid) != started {
		unix.Close(fd)
		return nil, false
	}
	return &Foreign{fd}, true
}

// Wait waits for the process to end, or for ctx.
func (f *Foreign) Wait(ctx context.Context) {
	defer unix.Close(f.pidfd)
	for ctx.Err() == nil {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(f.pidfd), Events: unix.POLLIN}}, pollMs)
		if n > 0 || err != nil && err != unix.EINTR {
			return
		}
	}
}

// StartTime is when a process was started, in clock ticks since boot, as
// /proc/PID/stat has it in its 22nd field; "?" when there is no such process.
func StartTime(pid int) string {
	if f := statFields(pid); len(f) > 19 {
		return f[19]
	}
	return "?"
}
