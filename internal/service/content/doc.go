// SPDX-License-Identifier: LGPL-3.0-or-later

// Package content is the content service (RFC 10): a cache of blobs by hash on
// every broker.
//
// A follower's cache asks the broker above for what it misses and stores
// through it. The leader's stands before the backing store, if one has been
// registered (content.register-backing). Where the state is to outlive the
// instance, a store is answered when it is durable; in a throw-away instance,
// or without a backing store, when it can be loaded from anywhere. A blob that
// is not in the backing store is never dropped from memory.
//
// What comes from the backing store is checked against its hash: a damaged blob
// is an error (EIO), never wrong data.
//
// Jobs are no content here but records in the store. For those who dump an
// instance, restore one or look for what refers to content, the leader's service
// hands them out and takes them in (content.jobs-get, content.jobs-put).
//
// Files of the leader's node can be made part of the store without being copied
// (content.mmap-add), as flux archive create --mmap does.
//
// All methods are for the instance owner, statistics for everyone.
package content
