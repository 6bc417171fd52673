// SPDX-License-Identifier: LGPL-3.0-or-later

package process

import (
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"goflux/internal/sys/startlimit"
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

// byHand says that this process has set its limit on open files. Go, which
// raises that limit for itself, then no longer puts it back in children.
var byHand atomic.Bool

// withOpenFiles adds the limit on open files that children had had but for byHand.
func withOpenFiles(limits []Limit) []Limit {
	if !byHand.Load() || slices.ContainsFunc(limits, func(l Limit) bool { return l.Resource == unix.RLIMIT_NOFILE }) {
		return limits
	}
	n, ok := startlimit.OpenFiles()
	if !ok {
		return limits
	}
	return append(slices.Clip(limits), Limit{unix.RLIMIT_NOFILE, uint64(n)})
}

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
		if l.Resource == unix.RLIMIT_NOFILE {
			byHand.Store(true)
		}
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

// setrlimit is syscall's, which tells Go that a limit is set by hand.
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
