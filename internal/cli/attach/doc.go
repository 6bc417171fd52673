// SPDX-License-Identifier: LGPL-3.0-or-later

// Package attach follows a job as flux job attach and flux run do: it prints
// the job's output and exceptions, feeds it standard input, forwards signals
// and ends with the job's exit status.
//
// A [Session] is a state machine. It is told what happened (an entry of one of
// the job's event logs, a signal, a tick of the clock) and does what follows
// through [Effects]; it starts nothing and waits for nothing itself, so tests
// play jobs to it line by line. [Run] connects a session to a broker, the
// standard streams and the signals of this process.
//
// The event logs are those of RFC 21 (job), 32 (execution) and 24 (standard
// input and output); they are watched through job-info (RFC 41).
package attach
