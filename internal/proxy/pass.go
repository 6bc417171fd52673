// SPDX-License-Identifier: LGPL-3.0-or-later

package proxy

import (
	"os"
	"syscall"

	"goflux/internal/message"
	"goflux/internal/rpc"
)

// fromClient takes a message of a client.
func (p *Proxy) fromClient(c *client, m *message.Message) {
	switch m.Type {
	case message.TypeRequest:
		switch m.Topic {
		case "event.subscribe", "event.unsubscribe":
			p.subscription(c, m)
			return
		case "service.add", "service.remove":
			p.service(c, m)
			return
		}
		if !m.Is(message.FlagNoResponse) || m.Is(message.FlagStreaming) {
			p.mu.Lock()
			c.asked[asked{m.Service(), m.NodeID, m.Flags & message.FlagUpstream}] = struct{}{}
			p.mu.Unlock()
		}
		m = m.PushRoute(c.id)
		p.sent.Request(m)
		p.send(m)
	case message.TypeResponse: // to a request for one of its services
		c.serves.Response(m)
		p.send(m)
	case message.TypeEvent:
		p.send(m)
	case message.TypeControl:
	}
}

// send passes a message on to the broker, or fails it.
func (p *Proxy) send(m *message.Message) {
	p.mu.Lock()
	for p.up == nil && p.hold && !p.closed {
		p.back.Wait()
	}
	up := p.up
	p.mu.Unlock()
	if up != nil {
		_ = up.SendWait(m) // the end of the connection is noticed by its reader
		return
	}
	if m.Type == message.TypeRequest && !m.Is(message.FlagNoResponse) && p.sent.Forget(m) {
		p.toClient(reset(m))
	}
}

// reset answers a request that the broker will not.
func reset(m *message.Message) *message.Message {
	r := m.ErrorResponse(syscall.ECONNRESET)
	r.Cred = ownCred
	return r
}

// fromBroker takes a message of the broker.
func (p *Proxy) fromBroker(m *message.Message) {
	switch m.Type {
	case message.TypeRequest:
		p.mu.Lock()
		c := p.services[m.Service()]
		p.mu.Unlock()
		if c == nil {
			if !m.Is(message.FlagNoResponse) {
				p.send(m.ErrorResponse(syscall.ENOSYS))
			}
			return
		}
		c.serves.Request(m)
		_ = c.stream.SendWait(m) // a client that is gone is noticed by its reader
	case message.TypeResponse:
		if len(m.Routes) == 0 {
			p.answered(m)
			return
		}
		p.sent.Response(m)
		p.toClient(m)
	case message.TypeEvent:
		p.event(m)
	case message.TypeControl:
	}
}

// toClient hands a response to the client that it is for.
func (p *Proxy) toClient(m *message.Message) {
	m, id := m.PopRoute()
	p.mu.Lock()
	c := p.clients[id]
	p.mu.Unlock()
	if c != nil {
		_ = c.stream.SendWait(m) // a client that is gone is noticed by its reader
	}
}

// event hands an event to the clients that want it.
func (p *Proxy) event(m *message.Message) {
	p.mu.Lock()
	var to []*client
	for _, c := range p.clients {
		if c.wants(m.Topic) {
			to = append(to, c)
		}
	}
	p.mu.Unlock()
	for _, c := range to {
		_ = c.stream.SendWait(m)
	}
}

func (c *client) wants(topic string) bool {
	for prefix := range c.topics {
		if len(topic) >= len(prefix) && topic[:len(prefix)] == prefix {
			return true
		}
	}
	return false
}

// ask makes a request of the proxy's own; fn gets its one answer.
func (p *Proxy) ask(topic string, payload any, fn func(*message.Message)) {
	m := message.NewRequest(topic, message.NodeAny, payload)
	p.mu.Lock()
	up := p.up
	if up == nil {
		p.mu.Unlock()
		fn(m.ErrorResponse(syscall.ECONNRESET))
		return
	}
	for p.matchtag++; p.matchtag == message.MatchtagNone || p.own[p.matchtag] != nil; p.matchtag++ {
	}
	m.Matchtag = p.matchtag
	p.own[m.Matchtag] = fn
	p.mu.Unlock()
	_ = up.SendWait(m)
}

func (p *Proxy) answered(m *message.Message) {
	p.mu.Lock()
	fn := p.own[m.Matchtag]
	delete(p.own, m.Matchtag)
	p.mu.Unlock()
	if fn != nil {
		fn(m)
	}
}

// Attr asks the broker for an attribute, while Run runs.
func (p *Proxy) Attr(name string) (string, error) {
	done := make(chan *message.Message, 1)
	p.ask("attr.get", rpc.Name{Name: name}, func(m *message.Message) { done <- m })
	m := <-done
	if err := m.Err(); err != nil {
		return "", err
	}
	var v rpc.AttrValue
	err := m.Decode(&v)
	return v.Value, err
}

// ownCred is the credential of answers that the proxy itself gives: clients take
// none from nobody.
var ownCred = message.Cred{UserID: uint32(os.Geteuid()), Rolemask: message.RoleUser | message.RoleLocal}

// reply answers a client's request here.
func reply(c *client, m *message.Message, err error) {
	if m.Is(message.FlagNoResponse) {
		return
	}
	r := m.Response()
	if err != nil {
		r = m.ErrorResponse(err)
	}
	r.Cred = ownCred
	_ = c.stream.SendWait(r)
}

// subscription subscribes at the broker for the first client that wants a topic
// and takes that back for the last.
func (p *Proxy) subscription(c *client, m *message.Message) {
	var req rpc.Topic
	if err := m.Decode(&req); err != nil {
		reply(c, m, err)
		return
	}
	p.mu.Lock()
	var first, last bool
	if m.Topic == "event.subscribe" {
		c.topics[req.Topic]++
		p.topics[req.Topic]++
		first = p.topics[req.Topic] == 1
	} else if c.topics[req.Topic] == 0 {
		p.mu.Unlock()
		reply(c, m, syscall.ENOENT)
		return
	} else {
		last = p.drop(c, req.Topic, 1)
	}
	p.mu.Unlock()
	if first || last {
		p.ask(m.Topic, req, func(r *message.Message) { reply(c, m, r.Err()) })
		return
	}
	reply(c, m, nil)
}

// drop takes n subscriptions of a client back; true when nobody is left.
func (p *Proxy) drop(c *client, topic string, n int) bool {
	if c.topics[topic] -= n; c.topics[topic] <= 0 {
		delete(c.topics, topic)
	}
	if p.topics[topic] -= n; p.topics[topic] <= 0 {
		delete(p.topics, topic)
		return true
	}
	return false
}

// service registers a client's service at the broker, or takes that back.
func (p *Proxy) service(c *client, m *message.Message) {
	var req rpc.ServiceName
	if err := m.Decode(&req); err != nil {
		reply(c, m, err)
		return
	}
	add := m.Topic == "service.add"
	p.mu.Lock()
	owner := p.services[req.Service]
	p.mu.Unlock()
	switch {
	case add && owner != nil:
		reply(c, m, syscall.EEXIST)
		return
	case !add && owner != c:
		reply(c, m, syscall.ENOENT)
		return
	}
	p.ask(m.Topic, req, func(r *message.Message) {
		if err := r.Err(); err == nil {
			p.mu.Lock()
			if add {
				p.services[req.Service] = c
			} else {
				delete(p.services, req.Service)
			}
			p.mu.Unlock()
		}
		reply(c, m, r.Err())
	})
}

// gone tells the broker that a client has left.
func (p *Proxy) gone(c *client) {
	c.stream.Close()
	p.mu.Lock()
	delete(p.clients, c.id)
	var out []*message.Message
	for topic, n := range c.topics {
		if p.drop(c, topic, n) {
			out = append(out, quiet("event.unsubscribe", rpc.Topic{Topic: topic}))
		}
	}
	for name, owner := range p.services {
		if owner == c {
			delete(p.services, name)
			out = append(out, quiet("service.remove", rpc.ServiceName{Service: name}))
		}
	}
	for k := range c.asked {
		bye := message.NewRequest(k.service+".disconnect", k.nodeID, nil)
		bye.Flags |= message.FlagNoResponse | k.flags
		bye = bye.PushRoute(c.id)
		p.sent.Request(bye)
		out = append(out, bye)
	}
	p.mu.Unlock()
	for _, m := range out {
		p.send(m)
	}
	for _, req := range c.serves.Drain() {
		p.send(req.ErrorResponse(syscall.ENOSYS))
	}
}
