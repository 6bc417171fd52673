// SPDX-License-Identifier: LGPL-3.0-or-later

// Package link carries messages over a connection: a unix socket between a
// client and its broker, a TLS connection between two brokers, a socket pair to
// a module. One goroutine writes, coalescing what has come together into one
// system call; a backlog is bounded, since the other side may have stopped
// reading.
package link
