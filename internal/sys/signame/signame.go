// SPDX-License-Identifier: LGPL-3.0-or-later

package signame

import (
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Parse reads a signal's number or name, with or without SIG in front and in
// any case: "15", "TERM", "SIGTERM". ok is false when there is no such signal.
func Parse(s string) (signum int, ok bool) {
	if n, err := strconv.Atoi(s); err == nil {
		return n, n > 0
	}
	name := strings.ToUpper(s)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	n := unix.SignalNum(name)
	return int(n), n != 0
}

// Name is a signal's name, "SIGTERM"; its number where it has none.
func Name(signum int) string {
	if name := unix.SignalName(syscall.Signal(signum)); name != "" {
		return name
	}
	return strconv.Itoa(signum)
}
