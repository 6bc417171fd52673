// SPDX-License-Identifier: LGPL-3.0-or-later

package sim

import (
	"slices"
	"time"

	"goflux/internal/message"
)

// client is a connection of a program to a broker of its node. It is gone with
// the broker.
type client struct {
	b    *broker
	a    *actor
	id   string
	tag  uint32
	open []*pendingCall
	gone bool

	inbox   []*message.Message
	reading bool
	serve   func(*message.Message) // requests to a service of the client's
}

type pendingCall struct {
	c     *client
	tag   uint32
	topic string
	flags message.Flags
	since time.Duration
	fn    func(*message.Message)
	lost  func()
}

func (b *broker) newClient() *client {
	c := &client{b: b, a: b.w.newActor(), id: b.w.newID()}
	b.router.Attach(c.id, c)
	b.clients = append(b.clients, c)
	return c
}

// request sends a request as the instance's owner. fn is called with every
// answer.
func (c *client) request(topic string, payload any, flags message.Flags, fn func(*message.Message)) *pendingCall {
	return c.requestTo(message.NodeAny, topic, payload, flags, fn)
}

// requestTo is request to the services of one rank.
func (c *client) requestTo(rank uint32, topic string, payload any, flags message.Flags, fn func(*message.Message)) *pendingCall {
	c.tag++
	p := &pendingCall{c: c, tag: c.tag, topic: topic, flags: flags, since: c.b.w.now, fn: fn}
	c.open = append(c.open, p)
	m := message.NewRequest(topic, rank, payload)
	m.Flags |= flags
	m.Cred = ownerCred
	m.Matchtag = p.tag
	c.b.router.SendFrom(c.id, m)
	return p
}

// Deliver implements service.Endpoint.
func (c *client) Deliver(m *message.Message) {
	c.inbox = append(c.inbox, m)
	if !c.reading {
		c.reading = true
		c.b.w.after(c.a, c.a.between(0, quickTurn), c.read)
	}
}

func (c *client) read() {
	c.reading = false
	if c.gone {
		return
	}
	if c.b.node.paused {
		c.reading = true
		c.b.node.whenResumed(c.a, c.read)
		return
	}
	msgs := c.inbox
	c.inbox = nil
	for _, m := range msgs {
		if !c.gone {
			c.answered(m)
		}
	}
}

func (c *client) answered(m *message.Message) {
	if m.Type == message.TypeRequest {
		c.serve(m)
		return
	}
	for i, p := range c.open {
		if p.tag != m.Matchtag {
			continue
		}
		if m.Errnum != 0 || !m.Is(message.FlagStreaming) {
			c.open = slices.Delete(c.open, i, i+1)
		}
		p.fn(m)
		return
	}
}

// close ends the connection: services that hold streams for it are told.
func (c *client) close() {
	if c.gone || c.b.dead {
		return
	}
	c.gone = true
	c.b.router.Detach(c.id)
	told := map[string]bool{}
	for _, p := range c.open {
		m := message.NewRequest(serviceOf(p.topic)+".disconnect", message.NodeAny, nil)
		m.Flags |= message.FlagNoResponse
		m.Cred = ownerCred
		if !told[m.Topic] {
			told[m.Topic] = true
			c.b.router.SendFrom(c.id, m)
		}
	}
	if i := slices.Index(c.b.clients, c); i >= 0 {
		c.b.clients = slices.Delete(c.b.clients, i, i+1)
	}
}

func serviceOf(topic string) string { return (&message.Message{Topic: topic}).Service() }

// dropClients ends all connections with the broker: what was asked is not
// known to have been done.
func (b *broker) dropClients() {
	clients := b.clients
	b.clients = nil
	for _, c := range clients {
		c.gone = true
		for _, p := range c.open {
			if p.lost != nil {
				p.lost()
			}
		}
	}
}
