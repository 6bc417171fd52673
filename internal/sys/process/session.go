// SPDX-License-Identifier: LGPL-3.0-or-later

package process

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// sweeps bounds how often [KillSession] looks again: processes that it has not
// seen may have been started meanwhile.
const sweeps = 10

// KillSession kills the processes of a session whose leader has ended, those
// that are left in it: a process that has made a session of its own is not.
func KillSession(sid int) {
	if f := statFields(sid); f != nil && f[0] != "Z" {
		return // the number is another process's by now: nothing was left
	}
	for range sweeps {
		left := session(sid)
		if len(left) == 0 {
			return
		}
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended by itself
		}
	}
}

// session are the processes of a session but for those that have ended.
func session(sid int) []int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1) // as many as could be read
	var out []int
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if f := statFields(pid); len(f) > 3 && f[3] == strconv.Itoa(sid) && f[0] != "Z" && f[0] != "X" {
			out = append(out, pid)
		}
	}
	return out
}

// statFields are the fields of /proc/PID/stat from the third on, the state;
// nil when there is no such process.
func statFields(pid int) []string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	_, rest, _ := strings.Cut(string(b), ") ") // the name may have blanks
	return strings.Fields(rest)
}
