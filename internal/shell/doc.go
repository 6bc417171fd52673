// SPDX-License-Identifier: LGPL-3.0-or-later

// Package shell is the job shell (flux-shell(1)): on each node of a job it
// starts the job's tasks and stands between them and the instance, for their
// input and output (RFC 24), signals, process management (RFC 13) and fate.
//
// A shell runs as the job's user in a session of its own, not as the broker's
// child: it finds its broker by FLUX_URI, goes on while that is away, and
// leaves a record of its end on disk (rpc.ShellExit). It reads what it needs
// from the file that FLUX_SHELL_INFO names.
//
// One goroutine, the loop, owns all state; what processes and the broker do
// comes to it as functions to run. A feature is a plugin, one file each, with
// the hooks it wants ([plugin]). The shell ends when nothing holds it any more:
// tasks, output on its way, shells that have still to report.
package shell
