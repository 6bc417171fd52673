// SPDX-License-Identifier: LGPL-3.0-or-later

// Package kvs is the machine behind the key-value store (RFC 10, 11): trees of
// content-addressed objects, one root a namespace.
//
// A [Machine] does no I/O and has no clock. What it needs from outside comes
// out of [Machine.Advance] as effects: a blob to be loaded ([Load]), a new root
// with its blobs to be made durable ([Persist]). Their outcome goes back in by
// [Machine.Loaded] and [Machine.Persisted]. What it has to say comes out the
// same way: [Done] answers transactions, [Version] says that a namespace has a
// new root, [Found] answers a lookup that had to wait, [Reached] a wait for a
// version, [Gone] that a namespace has been removed.
//
// Promises:
//
//   - Transactions of a namespace are applied in the order they were committed,
//     each entirely or not at all. Those that wait together are merged into one,
//     unless they ask not to be; a merged one that fails is split again, so
//     nobody fails for another's mistake.
//   - A root is not visible to lookups before it has been persisted.
//   - A lookup sees one root from beginning to end.
//   - Work is bounded: by the operation, not by the size of the tree, but for
//     the directories it changes, which are written whole.
package kvs
