// SPDX-License-Identifier: LGPL-3.0-or-later

// Package overlay is the built-in service that connects a broker to its parent
// and its children in the tree (RFC 3), watches over them, and tells what it
// sees: overlay.health, overlay.topology, overlay.monitor, overlay.trace. The
// decisions are package core/overlay's.
//
// Messages are routed on the goroutines that read from the links; only what is
// about the links themselves, greetings, farewells, states, goes through the
// service's loop. When a peer is lost, the requests that it had not answered
// are answered EHOSTUNREACH at once (RFC 6).
//
// A link opens with a hello from the child that tells protocol and features,
// so that neighbours of different releases can work together.
package overlay
