// SPDX-License-Identifier: LGPL-3.0-or-later

package process

import (
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Limit is a soft resource limit (setrlimit(2)).
type Limit struct {
	Resource int // unix.RLIMIT_*
	Soft     uint64
}

// afterwards are the limits that this process could not live under, not even
// while it forks. The child gets them when it has just started.
var afterwards = map[int]bool{
	unix.RLIMIT_AS: true, unix.RLIMIT_DATA: true, unix.RLIMIT_NPROC: true,
	unix.RLIMIT_CPU: true, unix.RLIMIT_FSIZE: true,
}

// limitsMu is held while this process has a child's limits.
var limitsMu sync.Mutex

// withLimits runs fork under the limits, which a child inherits.
func withLimits(limits []Limit, fork func() (int, error)) (int, error) {
	limitsMu.Lock()
	defer limitsMu.Unlock()
	for _, l := range limits {
		var old, now unix.Rlimit
		if err := unix.Getrlimit(l.Resource, &old); err != nil {
			return 0, err
		}
		if now = old; afterwards[l.Resource] || now.Cur == l.Soft {
			continue
		}
		now.Cur = l.Soft
		// Through syscall: Go raises RLIMIT_NOFILE for itself and puts it
		// back in children unless it has been set by hand.
		if err := setrlimit(l.Resource, now); err != nil {
			return 0, err
		}
		defer setrlimit(l.Resource, old)
	}
	pid, err := fork()
	if err != nil {
		return 0, err
	}
	for _, l := range limits {
		if afterwards[l.Resource] {
			limitChild(pid, l)
		}
	}
	return pid, nil
}

func setrlimit(resource int, l unix.Rlimit) error {
	return syscall.Setrlimit(resource, (*syscall.Rlimit)(&l))
}

// limitChild does its best: the child may be gone, or have gained privileges.
func limitChild(pid int, l Limit) {
	var now unix.Rlimit
	if unix.Prlimit(pid, l.Resource, nil, &now) == nil {
		now.Cur = l.Soft
		_ = unix.Prlimit(pid, l.Resource, &now, nil)
	}
}
