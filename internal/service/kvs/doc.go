// SPDX-License-Identifier: LGPL-3.0-or-later

// Package kvs is the key-value store's service (RFC 10, 11): the messages
// around the machine of core/kvs.
//
// The store lives on the leader. Followers answer to the same name and pass
// requests on, so a read sees every write that was answered before it,
// whichever broker it is made on.
//
// Where the state outlives the instance, a commit is answered when its blobs
// and the new root are durable, in one sync; after a crash every namespace is as
// its last answered commit left it, or newer. In a throw-away instance a root
// is checkpointed when a commit asks for it (sync), every
// kvs.checkpoint-period, and when the module is unloaded.
//
// The primary namespace is the instance owner's. A guest may read and write
// namespaces made for them, but commit plain values and empty directories
// only (RFC 12).
//
// What jobs were in flux-core, keys below "job", are records elsewhere; lookups
// there are answered by the service that has them (rpc.KVSView).
package kvs
