// SPDX-License-Identifier: LGPL-3.0-or-later

// Package broker is one Flux broker: it routes messages between its peers in
// the tree, its modules and its clients (RFC 3, 6), hosts modules (RFC 5),
// keeps attributes, the log and the configuration, and walks the state machine
// that brings an instance up and down.
//
// Routing happens on the sender's goroutine and never blocks: every receiver
// has a mailbox. Only the connectors, which read from clients, wait when a
// service falls behind ([Router.SendWait]).
//
// The broker knows no service. It is given registrations (package service) by
// package compose and loads them as modules, on loops of their own.
package broker
