// SPDX-License-Identifier: LGPL-3.0-or-later

package process

import "golang.org/x/sys/unix"

// LimitNumber is the number of the resource limit that jobspecs and the command
// line call name (flux-shell(1), rlimit); ok is false when there is none.
func LimitNumber(name string) (resource int, ok bool) {
	resource, ok = map[string]int{
		"cpu": unix.RLIMIT_CPU, "fsize": unix.RLIMIT_FSIZE, "data": unix.RLIMIT_DATA,
		"stack": unix.RLIMIT_STACK, "core": unix.RLIMIT_CORE, "nofile": unix.RLIMIT_NOFILE,
		"ofile": unix.RLIMIT_NOFILE, "as": unix.RLIMIT_AS, "rss": unix.RLIMIT_RSS,
		"nproc": unix.RLIMIT_NPROC, "memlock": unix.RLIMIT_MEMLOCK, "msgqueue": unix.RLIMIT_MSGQUEUE,
		"nice": unix.RLIMIT_NICE, "rtprio": unix.RLIMIT_RTPRIO, "rttime": unix.RLIMIT_RTTIME,
		"sigpending": unix.RLIMIT_SIGPENDING,
	}[name]
	return resource, ok
}
