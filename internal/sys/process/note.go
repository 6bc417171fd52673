// SPDX-License-Identifier: LGPL-3.0-or-later

package process

import (
	"fmt"
	"os"
	"strings"
)

// noteSize is the size of a note, more than its fields take: one is written over
// another, which costs less than a new file.
const noteSize = 128

// LeaveNote writes to a file which process is at work on something: its id, and
// when it was started, so that another one that got its number is not taken for
// it. About names the work in a word.
func LeaveNote(path string, pid int, about string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = fmt.Fprintf(f, "%-*s\n", noteSize-1, fmt.Sprintf("%d %s %s", pid, StartTime(pid), about))
	return err
}

// ReadNote reads a note about some work; false when there is none about that.
// What it returns is for [Find].
func ReadNote(path, about string) (pid int, started string, ok bool) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, "", false
	}
	var what string
	if _, err := fmt.Sscan(strings.TrimSpace(string(b)), &pid, &started, &what); err != nil {
		return 0, "", false
	}
	return pid, started, what == about
}
