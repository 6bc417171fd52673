// SPDX-License-Identifier: LGPL-3.0-or-later

// Package store is the one door to durable state. Everything that must outlive
// the leader's process — job events and records, resource events, queue state,
// KVS roots and content — goes through one [Store] into the SQLite file
// content.sqlite (RFC 10, 11).
//
// What it promises:
//
//   - Durable before answered: the function given to [Store.Commit] is called
//     with nil only after the batch would survive what the file's mode promises:
//     in a lasting store a power loss, in a throw-away one a crash of the process.
//   - Order: batches become durable in the order they were committed, and a
//     crash leaves a prefix of them.
//   - Group commit: what has come in while the disk was busy is one transaction
//     and one sync. Job events cost no statement of their own: all of a group are
//     one row of the journal. A finished job costs one.
//   - Bounded: the journal is folded into tables as it grows, so opening reads
//     the active jobs and a journal of bounded size, however long the history.
//   - Honest about damage: journal records and job records carry checksums; what
//     does not match is reported ([Recovered.Damaged]) and the rest loads.
//
// The tables objects, checkpt_v2 and checkpt are flux-core's, so each program
// opens the other's file; ours begin with goflux_.
//
// One goroutine owns the writing connection. Reading methods may be called from
// any goroutine and block for the disk: services call them off their loop.
package store
