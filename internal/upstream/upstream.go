// SPDX-License-Identifier: LGPL-3.0-or-later

package upstream

import (
	"syscall"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// Stream sends a streaming request to the parent and sends it again each time
// that the parent has been away and is back. fn gets the answers, and the error
// that ends them: EHOSTUNREACH only when the parent is gone for good.
func Stream(h service.Host, topic string, payload any, fn func(*message.Message)) {
	h.Request(service.Request{Topic: topic, NodeID: message.NodeUpstream, Flags: message.FlagStreaming, Payload: payload},
		func(m *message.Message) {
			if message.Errno(m.Err()) != syscall.EHOSTUNREACH {
				fn(m)
				return
			}
			whenParent(h, 0, func(_ int, err error) {
				if err != nil {
					fn(m)
					return
				}
				Stream(h, topic, payload, fn)
			})
		})
}

// OnBack calls fn each time that the parent is back after it was away.
func OnBack(h service.Host, fn func()) {
	var wait func(connections int)
	wait = func(connections int) {
		whenParent(h, connections, func(n int, err error) {
			if err != nil {
				return // there is none, or it is gone for good
			}
			if connections > 0 {
				fn()
			}
			wait(n)
		})
	}
	wait(0)
}

// whenParent calls fn when the parent is connected for more than the given
// number of times, with that number.
func whenParent(h service.Host, after int, fn func(connections int, err error)) {
	h.Request(service.Request{Topic: "overlay.parent-wait", NodeID: message.NodeAny, Payload: rpc.OverlayParentWait{After: after}},
		func(m *message.Message) {
			var up rpc.OverlayParentUp
			err := m.Err()
			if err == nil {
				err = m.Decode(&up)
			}
			fn(up.Connections, err)
		})
}
