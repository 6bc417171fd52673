// SPDX-License-Identifier: LGPL-3.0-or-later

// Package perilog decides about the commands of a site that run around a job:
// its prolog and its epilog (flux-config-job-manager(5), perilog.so).
//
// A [Run] is one such command on the ranks it is for. It is told how it goes
// there and what time it is, and says in [Effect]s whom to signal, which nodes
// to drain, and when it is over. It reads no clock and starts nothing.
//
// The job manager's service runs it on its loop.
package perilog
