// SPDX-License-Identifier: LGPL-3.0-or-later

// Package contentfiles is a backing store of the content service (RFC 10) that
// is a directory: the module content-files, which answers to content-backing as
// well. It runs on the leader and keeps a file a blob in content.files of the
// statedir, named by the blobref, and the last checkpoint in kvs-primary.
//
// It has what the content service needs, and no more: no history of
// checkpoints, no garbage collection. It takes an inode a blob, and is for small
// instances, and for looking at what the KVS is made of. Jobs are not in it.
//
// Where the state outlives the instance, a store is answered when the file has
// reached the disk. The files of a commit do before its roots, each of which is
// replaced at once, so that none refers to a blob that is not there; a crash
// between two roots of one commit leaves one old and one new.
//
// The methods are for the instance owner, statistics for everyone.
package contentfiles
