// SPDX-License-Identifier: LGPL-3.0-or-later

// Package message is one Flux message and its bytes (RFC 3).
//
// A message is a header, an optional topic, an optional payload and, for
// requests and responses, a stack of routes. Inside a process a payload is a
// Go value and stays one: it becomes JSON only when [Message.Payload] is asked
// for by a socket or an external module, and what came from a socket is
// decoded only by the service it is addressed to ([Message.Decode]).
//
// A message is immutable once it has been sent. Routing takes a shallow copy
// before it pushes or pops a route, so one event may be handed to many
// receivers.
//
// The framing of a stream socket follows what flux-core has on the wire, which
// departs from the letter of RFC 3 ("Message Framing and Security"): the magic
// is the bytes 12 00 EE FF, and the length counts neither magic nor itself.
package message
