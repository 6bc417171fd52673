// SPDX-License-Identifier: LGPL-3.0-or-later

package sigdefault

import (
	"os"
	"os/signal"
	"syscall"
)

// Fatal has the signals that say that something is badly wrong, and the others
// that are given, end this process when somebody sends them, as they end any
// other: Go's run time would make exit status 2 of them. Mistakes in the
// program that the processor finds are still panics.
func Fatal(others ...syscall.Signal) {
	for _, sig := range append(others, syscall.SIGABRT) {
		_ = Set(sig) // it cannot fail
	}
	// Panics need the run time's handlers for these.
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE)
	go func() {
		sig := (<-ch).(syscall.Signal)
		_ = Set(sig)
		_ = syscall.Kill(os.Getpid(), sig)
	}()
}
