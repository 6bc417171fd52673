// SPDX-License-Identifier: LGPL-3.0-or-later

package startlimit

// Unlimited is a soft limit that is none.
const Unlimited int64 = -1

// nofile is RLIMIT_NOFILE.
const nofile = 7

// start is the limit at the start: soft, hard.
var start, known = read()

func read() (limit [2]uint64, ok bool) {
	ok = prlimit(nofile, &limit) == 0
	return limit, ok
}

// OpenFiles is the soft limit on open files as the process was started with;
// ok is false on systems where it cannot be told.
func OpenFiles() (limit int64, ok bool) {
	if start[0] == ^uint64(0) {
		return Unlimited, known
	}
	return int64(start[0]), known
}
