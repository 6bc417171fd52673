// SPDX-License-Identifier: LGPL-3.0-or-later

// Package faultdisk stands between SQLite and the disk, for tests: it records
// every write, sync, truncation and removal of the files of a database, makes
// them fail, and rebuilds from a record what a crash at any point leaves on the
// disk.
//
// SQLite reaches it as the VFS [VFS]; what is not under a watched directory
// passes through untouched. A store's own files go through [Disk.OpenFile].
//
// The -shm file is memory, not storage: SQLite makes it anew when it opens a
// database that nobody else has open, so it is not recorded.
package faultdisk
