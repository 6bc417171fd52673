// SPDX-License-Identifier: LGPL-3.0-or-later

package message

import (
	"fmt"
	"syscall"
)

// signalTexts are the C library's descriptions of the signals.
var signalTexts = map[syscall.Signal]string{
	syscall.SIGHUP: "Hangup", syscall.SIGINT: "Interrupt", syscall.SIGQUIT: "Quit",
	syscall.SIGILL: "Illegal instruction", syscall.SIGTRAP: "Trace/breakpoint trap",
	syscall.SIGABRT: "Aborted", syscall.SIGBUS: "Bus error", syscall.SIGFPE: "Floating point exception",
	syscall.SIGKILL: "Killed", syscall.SIGUSR1: "User defined signal 1",
	syscall.SIGSEGV: "Segmentation fault", syscall.SIGUSR2: "User defined signal 2",
	syscall.SIGPIPE: "Broken pipe", syscall.SIGALRM: "Alarm clock", syscall.SIGTERM: "Terminated",
	syscall.SIGSTKFLT: "Stack fault", syscall.SIGCHLD: "Child exited", syscall.SIGCONT: "Continued",
	syscall.SIGSTOP: "Stopped (signal)", syscall.SIGTSTP: "Stopped", syscall.SIGTTIN: "Stopped (tty input)",
	syscall.SIGTTOU: "Stopped (tty output)", syscall.SIGURG: "Urgent I/O condition",
	syscall.SIGXCPU: "CPU time limit exceeded", syscall.SIGXFSZ: "File size limit exceeded",
	syscall.SIGVTALRM: "Virtual timer expired", syscall.SIGPROF: "Profiling timer expired",
	syscall.SIGWINCH: "Window changed", syscall.SIGIO: "I/O possible", syscall.SIGPWR: "Power failure",
	syscall.SIGSYS: "Bad system call",
}

// SignalText is a signal's description as the C library words it, which is what
// users of Flux know.
func SignalText(sig syscall.Signal) string {
	if t, ok := signalTexts[sig]; ok {
		return t
	}
	return fmt.Sprintf("Unknown signal %d", int(sig))
}
