// SPDX-License-Identifier: LGPL-3.0-or-later

// Package sched is the scheduler service, sched-simple, sched-fifo or
// sched-backfill, which answers to sched (RFC 27) and feasibility too.
//
// Decisions are those of a Machine of package core/sched. The service acquires
// resources (RFC 28), learns from the job manager what is allocated, and then
// turns requests into the machine's events. What one batch of messages brought
// is applied at once and followed by one pass over the queue, so a burst of
// submissions costs one pass.
//
// Pending jobs at the head of the queue are told why they wait and when they
// may start (annotations sched.reason_pending and sched.t_estimate), now and
// then and only as that changes.
package sched
