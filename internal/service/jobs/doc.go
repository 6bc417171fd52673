// SPDX-License-Identifier: LGPL-3.0-or-later

// Package jobs is the job services: ingest, manager, info and list. They are
// four faces of one job database owned by one loop, loaded under the names that
// flux-core gives them; on followers ingest and info are relays.
//
// Decisions are package core/job's. This package turns requests into inputs of
// that machine, makes the events that come out durable, and only then carries
// out what follows from them: answers, requests to the scheduler and the
// execution service, news to those who watch (write, then act). What one batch
// of messages brought is one commit.
//
// Active jobs are in memory. A job that has ended becomes a row of the store
// and is found there.
//
// RFC 21 (states and events), 27 (scheduler), 32 (execution), 41 (job info),
// 43 (job list), 16 (the view in the KVS).
package jobs
