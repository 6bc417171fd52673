// SPDX-License-Identifier: LGPL-3.0-or-later

// Package kvstree reads, changes and makes trees of the key-value store
// (RFC 11) from outside it, blob by blob, by the content service (RFC 10): what
// the commands that dump, restore, check and sweep the store have in common.
//
// [Content] is the content service of an instance. A [Walk] visits every entry
// below a root, its requests a bounded number ahead. A [Tree] is a tree being
// changed, whose directories become blobs in the end; a [Writer] stores blobs
// with a bounded number of requests under way.
//
// Every blob that is loaded is checked against its hash (EIO).
package kvstree
