// SPDX-License-Identifier: LGPL-3.0-or-later

// Package contentsqlite is the backing store of the content service: the module
// content-sqlite, which answers to content-backing as well. It runs on the
// leader and keeps everything in the broker's store (package store).
//
// All stores that are waiting become one transaction, and are answered when it
// is durable. Loads are made off the loop.
//
// The methods are for the instance owner, statistics for everyone.
package contentsqlite
