// SPDX-License-Identifier: LGPL-3.0-or-later

// Package jobexec is the execution service (RFC 32), on the leader: it has the
// shells of a job started on its nodes by their agents, waits for their end,
// enforces the time limit, ends jobs that got an exception, and reports to the
// job manager. It keeps the execution event log (RFC 50).
//
// Jobs with attributes.system.exec.test in their jobspec are mock jobs: they
// run for a while and nothing is started.
package jobexec
