// SPDX-License-Identifier: LGPL-3.0-or-later

// Package dbfile reads SQLite's files without SQLite, for when they may be
// damaged: the write-ahead log frame by frame, pages from log and file, and the
// rows of a table from the pages that can still be read. It changes nothing.
//
// SQLite takes a write-ahead log to end at the first frame that does not match
// its checksum, be that a write which a crash cut short or a frame that rotted
// in the middle; and it has no checksums for the pages of its file. What is
// here tells the cases apart.
//
// The format is that of https://www.sqlite.org/fileformat2.html.
package dbfile
