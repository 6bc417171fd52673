// SPDX-License-Identifier: LGPL-3.0-or-later

// Package treeobj holds the tree objects the KVS is made of, RFC 11, and the
// blobrefs by which they refer to content, RFC 10.
//
// An Object is one of Val, Valref, Dir, Dirref and Symlink. Encode writes the
// canonical bytes, those flux-core stores and hashes: keys sorted, no blanks.
// So a directory has the same blobref here and there.
//
// Decode accepts keys in any order, refuses what RFC 11 does not know, and
// costs time and memory linear in its input. RFC 11's hdir is refused too:
// nobody has implemented it.
package treeobj
