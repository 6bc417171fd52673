// SPDX-License-Identifier: LGPL-3.0-or-later

package service

import (
	"syscall"

	"goflux/internal/message"
)

// Call is one request being served. It may be kept and answered later, on the
// service's loop. A unary request is answered once; a streaming one any number
// of times, ended by [Call.Fail] or [Call.End] (RFC 6).
type Call struct {
	Msg    *message.Message
	send   func(*message.Message)
	done   bool
	insist bool
}

// NewCall is for the module host and for tests: send takes the responses.
func NewCall(m *message.Message, send func(*message.Message)) *Call {
	return &Call{Msg: m, send: send}
}

// Cred is the sender's credential.
func (c *Call) Cred() message.Cred { return c.Msg.Cred }

// Streaming reports whether the sender asked for a stream of responses.
func (c *Call) Streaming() bool { return c.Msg.Is(message.FlagStreaming) }

// Respond answers with a payload (nil for none). For a streaming request it
// is one answer of many.
func (c *Call) Respond(payload any) {
	r := c.Msg.Response()
	r.SetValue(payload)
	c.reply(r)
}

// Fail answers with an error, which ends a stream.
func (c *Call) Fail(err error) {
	c.reply(c.Msg.ErrorResponse(err))
	c.done = true
}

// End ends a stream in the ordinary way (ENODATA).
func (c *Call) End() { c.Fail(syscall.ENODATA) }

// Insist has answers sent although the request says that it wants none: some
// protocols of flux-core know the answer by its topic, and set that flag to have
// no matchtag.
func (c *Call) Insist() { c.insist = true }

// Done reports whether the last answer has been given.
func (c *Call) Done() bool { return c.done }

func (c *Call) reply(r *message.Message) {
	if c.done {
		return
	}
	if !c.Streaming() {
		c.done = true
	}
	if c.insist || !c.Msg.Is(message.FlagNoResponse) {
		c.send(r)
	}
}
