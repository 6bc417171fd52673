// SPDX-License-Identifier: LGPL-3.0-or-later

// Package process starts and watches child processes: in a session or process
// group of their own, on chosen CPUs, with pipes, a terminal or inherited
// files, and with further channels (RFC 42).
//
// [Start] makes the child, one [Reaper] a process learns what becomes of all
// of them (exact wait status, stops too) without a goroutine or thread for
// each. [Pump] and [Input] move a child's output and input with bounds.
//
// A program is executed as it is given, never through a command interpreter;
// only a text file without an interpreter line is handed to /bin/sh, as
// execvp(3) does.
package process
