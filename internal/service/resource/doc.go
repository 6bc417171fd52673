// SPDX-License-Identifier: LGPL-3.0-or-later

// Package resource is the broker service of that name: what the instance has,
// who is up, drained or excluded, and the scheduler's window on it.
//
// Every broker looks at its own node, checks it against R when R is known
// (a node that falls short drains itself) and sends what it found to rank 0
// once. Rank 0 holds the state, which is a Machine of package core/resource. R
// comes, in this order, from configuration, from the KVS key resource.R, from
// the enclosing instance's job, from what the brokers found.
//
// Durable state is in the KVS, where RFC 44 and people's tools look for it:
// resource.R, resource.eventlog and checkpoint.resource. Events that matter
// after a restart are committed before anybody is told of them
// or the request that caused them is answered (write, then act); what has come
// in while a commit was under way is one commit.
//
// RFC 28 (resource.acquire), 44 (events and journal), 20 (R); configuration is
// flux-config-resource(5).
package resource
