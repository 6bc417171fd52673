// SPDX-License-Identifier: LGPL-3.0-or-later

// Package job is the life cycle of jobs (RFC 21) as a pure machine: it reads no
// clock, touches no disk and sends nothing.
//
// A [Job] is what its event log says: [Job.Apply] folds one event into it and is
// the only way it changes, so that replaying the log reproduces the live state.
//
// The [Machine] holds the active jobs. What happens comes in by its methods, each
// with the time it happened at; what is to be done about it comes out as
// [Effect]s, in order. Of these [Logged] is an event to be made durable; all
// that follow it are to be carried out only when it is (write, then act).
//
// The job manager's service runs it on its loop.
package job
