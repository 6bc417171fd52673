// SPDX-License-Identifier: LGPL-3.0-or-later

// Package sched is the scheduler (RFC 27) as a pure machine: it reads no clock,
// touches no disk and starts no goroutine.
//
// The [Machine] holds the inventory R, which ranks are up, what is allocated
// and the requests that wait. [Machine.Step] takes events with the time they
// happened at and returns [Effect]s: allocations, denials, cancellations.
// [Machine.Check] is the feasibility service, [Machine.Explain] says why a
// request waits and [Machine.Forecast] when it may start.
//
// Policy is that of flux-core's sched-simple: requests are served strictly in
// order of priority, then of job id; one that does not fit holds up those
// behind it. Nodes are taken worst fit: the most free cores first, then the
// most free GPUs, then the lowest rank; on a node the lowest cores first. A
// request that the whole inventory could not satisfy is denied at once, in the
// words of flux-core. With [Machine.Backfill] requests behind one that does not
// fit may start before it, if that does not make it wait longer.
//
// Always true: no core or GPU belongs to two jobs; what is free, allocated or
// on a rank removed is everything; cost does not grow with jobs gone by.
//
// The job service runs the machine on its loop.
package sched
