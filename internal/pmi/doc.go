// SPDX-License-Identifier: LGPL-3.0-or-later

// Package pmi is both sides of the PMI-1.1 wire protocol (RFC 13), by which
// the processes of a parallel program, MPI's or an instance's brokers, find
// each other.
//
// [Server] is the process manager's engine: lines in, effects out, no I/O.
// [Host] runs one over connections: "flux start" hands it the brokers it
// starts, the job shell its local tasks. Where a program spans several servers
// their keys are exchanged when a barrier is entered by all ([Enter],
// [Hooks].Exchange).
//
// [Client] is the process's side; where no process manager left a PMI_FD in
// the environment it is a program of one.
package pmi
