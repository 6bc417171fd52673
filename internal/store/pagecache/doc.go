// SPDX-License-Identifier: LGPL-3.0-or-later

// Package pagecache gives SQLite memory for pages that it keeps.
//
// SQLite takes a page's memory for as long as it balances a tree, as it often does
// for jobs that end. The allocator below it (modernc.org/memory) returns to the
// system what has just become free, so each time may be two system calls and some
// page faults, or none, as luck has it: with sixteen thousand jobs it was a tenth
// of the leader's processor time. Of a reserve of its own, SQLite takes a page by
// taking it off a list (https://www.sqlite.org/malloc.html#pagecache).
package pagecache
