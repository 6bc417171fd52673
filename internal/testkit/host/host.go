// SPDX-License-Identifier: LGPL-3.0-or-later

package host

import (
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"goflux/internal/broker"
	"goflux/internal/message"
	"goflux/internal/service"
)

// patience bounds the wait for an answer that does not come: a test that waits
// this long has failed.
const patience = 20 * time.Second

// Broker is a broker under test.
type Broker struct {
	*broker.Broker
	t     testing.TB
	lines *lines
}

// Options of a broker under test.
type Options struct {
	Rank, Size uint32
	Attrs      map[string]string
	Config     map[string]any
	Shared     map[string]any
}

// Start runs a broker without modules.
func Start(t testing.TB, o Options) *Broker {
	t.Helper()
	attrs := broker.NewAttrs()
	for k, v := range o.Attrs {
		attrs.Put(k, v)
	}
	b := &Broker{t: t, lines: &lines{}}
	b.Broker = broker.New(broker.Options{
		Rank: o.Rank, Size: max(1, o.Size), Attrs: attrs, Config: o.Config, Shared: o.Shared, Stderr: b.lines,
	})
	b.Online()
	t.Cleanup(func() {
		b.Close()
		if t.Failed() {
			t.Log(b.lines.String())
		}
	})
	return b
}

// Load loads a service and waits until it runs.
func (b *Broker) Load(r *service.Registration, args ...string) {
	b.t.Helper()
	if err := b.TryLoad(r, args...); err != nil {
		b.t.Fatalf("loading %s: %v", r.Name, err)
	}
}

// TryLoad is Load that may fail.
func (b *Broker) TryLoad(r *service.Registration, args ...string) error {
	done := make(chan error, 1)
	b.Modules().Load(r, r.Name, "builtin", args, func(err error) { done <- err })
	return <-done
}

// Remove unloads a service and waits until it is gone.
func (b *Broker) Remove(name string) {
	b.t.Helper()
	done := make(chan error, 1)
	b.Modules().Remove(name, false, func(err error) { done <- err })
	if err := <-done; err != nil {
		b.t.Fatalf("removing %s: %v", name, err)
	}
}

// Log is what has been logged so far.
func (b *Broker) Log() string { return b.lines.String() }

// Caller is a client of a broker.
type Caller struct {
	b    *Broker
	id   string
	cred message.Cred

	mu   sync.Mutex
	tag  uint32
	open map[uint32]chan *message.Message
}

// Owner returns a caller that is the instance owner.
func (b *Broker) Owner() *Caller { return b.As(b.OwnerCred()) }

// Guest returns a caller that is another user.
func (b *Broker) Guest(userid uint32) *Caller {
	return b.As(message.Cred{UserID: userid, Rolemask: message.RoleUser})
}

// As returns a caller with any credential.
func (b *Broker) As(cred message.Cred) *Caller {
	c := &Caller{b: b, id: broker.NewUUID(), cred: cred, open: map[uint32]chan *message.Message{}}
	b.Router().Attach(c.id, c)
	return c
}

// Deliver implements broker.Endpoint.
func (c *Caller) Deliver(m *message.Message) {
	c.mu.Lock()
	ch := c.open[m.Matchtag]
	c.mu.Unlock()
	if ch != nil {
		ch <- m
	}
}

// Stream is a request under way.
type Stream struct {
	Matchtag uint32
	c        *Caller
	ch       chan *message.Message
}

// streamRoom is more answers than any test leaves unread.
const streamRoom = 10000

// Send sends a request.
func (c *Caller) Send(topic string, payload any, flags message.Flags) *Stream {
	return c.SendTo(message.NodeAny, topic, payload, flags)
}

// SendTo sends a request to a broker.
func (c *Caller) SendTo(rank uint32, topic string, payload any, flags message.Flags) *Stream {
	m := message.NewRequest(topic, rank, payload)
	m.Flags |= flags
	m.Cred = c.cred
	c.mu.Lock()
	c.tag++
	m.Matchtag = c.tag
	s := &Stream{m.Matchtag, c, make(chan *message.Message, streamRoom)}
	c.open[m.Matchtag] = s.ch
	c.mu.Unlock()
	c.b.Router().SendFrom(c.id, m)
	return s
}

// Stream sends a streaming request.
func (c *Caller) Stream(topic string, payload any) *Stream {
	return c.Send(topic, payload, message.FlagStreaming)
}

// Next waits for the next answer.
func (s *Stream) Next() *message.Message {
	s.c.b.t.Helper()
	select {
	case m := <-s.ch:
		return m
	case <-time.After(patience):
		s.c.b.t.Fatal("no answer")
		return nil
	}
}

// Idle reports whether no answer is waiting to be read.
func (s *Stream) Idle() bool { return len(s.ch) == 0 }

// Call makes a unary request and returns the answer, whose error it also
// returns.
func (c *Caller) Call(topic string, payload any) (*message.Message, error) {
	c.b.t.Helper()
	m := c.Send(topic, payload, 0).Next()
	return m, m.Err()
}

// RPC makes a unary request and decodes the answer into resp unless it is nil.
func (c *Caller) RPC(topic string, payload, resp any) error {
	c.b.t.Helper()
	m, err := c.Call(topic, payload)
	if err != nil || resp == nil {
		return err
	}
	return m.Decode(resp)
}

// Disconnect tells a service that the caller is gone.
func (c *Caller) Disconnect(name string) { c.Send(name+".disconnect", nil, message.FlagNoResponse) }

// lines collects the log.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

var _ io.Writer = (*lines)(nil)

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Link makes followers children of a leader, by direct calls instead of
// connections.
func Link(leader *broker.Broker, followers ...*broker.Broker) {
	next := map[uint32]broker.Endpoint{}
	for _, f := range followers {
		f.Router().SetParent(hop{f.UUID(), leader})
		f.Router().NameParent(leader.UUID())
		f.Router().SetNext(func(uint32) (broker.Endpoint, bool) { return nil, false })
		next[f.Rank()] = hop{leader.UUID(), f}
		leader.Router().AttachChild(f.UUID(), next[f.Rank()])
	}
	leader.Router().SetNext(func(rank uint32) (broker.Endpoint, bool) {
		ep, ok := next[rank]
		return ep, ok
	})
}

// hop is a link's end: what is delivered to it comes to a broker from another.
type hop struct {
	from string
	to   *broker.Broker
}

// Deliver implements broker.Endpoint.
func (h hop) Deliver(m *message.Message) {
	if m.Type == message.TypeRequest {
		h.to.Router().SendFrom(h.from, m)
		return
	}
	h.to.Router().Send(m)
}
