// SPDX-License-Identifier: LGPL-3.0-or-later

package rlimit

import "golang.org/x/sys/unix"

var resources = map[string]int{
	"cpu": unix.RLIMIT_CPU, "fsize": unix.RLIMIT_FSIZE, "data": unix.RLIMIT_DATA,
	"stack": unix.RLIMIT_STACK, "core": unix.RLIMIT_CORE, "nofile": unix.RLIMIT_NOFILE,
	"ofile": unix.RLIMIT_NOFILE, "as": unix.RLIMIT_AS, "rss": unix.RLIMIT_RSS,
	"nproc": unix.RLIMIT_NPROC, "memlock": unix.RLIMIT_MEMLOCK, "msgqueue": unix.RLIMIT_MSGQUEUE,
	"nice": unix.RLIMIT_NICE, "rtprio": unix.RLIMIT_RTPRIO, "rttime": unix.RLIMIT_RTTIME,
	"sigpending": unix.RLIMIT_SIGPENDING,
}

// Infinity is a limit that is none.
const Infinity uint64 = unix.RLIM_INFINITY

// Resource is the number of a resource; ok is false for an unknown name.
func Resource(name string) (resource int, ok bool) {
	resource, ok = resources[name]
	return resource, ok
}

// Hard is this process's hard limit.
func Hard(resource int) (uint64, error) {
	var l unix.Rlimit
	err := unix.Getrlimit(resource, &l)
	return l.Max, err
}
