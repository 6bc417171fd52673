// SPDX-License-Identifier: LGPL-3.0-or-later

// Package service says what a broker service is and what it sees of the world.
//
// A service is a [Registration]: a value without side effects that names its
// methods (topic, who may call, typed handler) and its constructor. The broker
// loads it as a module (RFC 5). Each loaded service has one goroutine, its
// loop: every request, response, event, timer and completion arrives in one
// bounded mailbox and is handled to the end, one after another. So a service
// holds no locks and must not block; work that blocks goes through [Host.Go].
//
// A service sees the world through [Host] alone. Two services meet only by
// messages whose types stand in package rpc, and within one broker those stay
// Go values.
package service
