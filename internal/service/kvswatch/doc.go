// SPDX-License-Identifier: LGPL-3.0-or-later

// Package kvswatch is the service kvs-watch: lookups in the key-value store
// that go on, answered again as the key changes, or that wait for the key to
// come into being.
//
// It lives on the leader beside the service kvs, which feeds it with the
// versions of each namespace that somebody watches (kvs.versions). A new version
// costs time for the watchers of the keys that changed, and for those that
// asked to see changes that come from above the key (flag full).
//
// A watcher sees the versions in order, none twice. Followers pass requests
// on. Whoever may read a namespace may watch it.
package kvswatch
