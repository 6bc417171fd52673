// SPDX-License-Identifier: LGPL-3.0-or-later

package proxy

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"

	"goflux/internal/link"
	"goflux/internal/message"
	"goflux/internal/track"
)

// Dial connects to the broker.
type Dial func(ctx context.Context) (net.Conn, error)

// Proxy passes messages between its clients and one broker.
type Proxy struct {
	ln *net.UnixListener

	mu       sync.Mutex
	up       *link.Stream
	clients  map[string]*client
	services map[string]*client // by name
	topics   map[string]int     // subscriptions made at the broker, with how many want them
	own      map[uint32]func(*message.Message)
	matchtag uint32
	closed   bool
	hold     bool          // requests wait for the broker to be back
	back     sync.Cond     // of mu: up or closed has changed
	sent     track.Tracker // clients' requests on their way to the broker
}

// client is a client of the proxy.
type client struct {
	id     string
	stream *link.Stream
	topics map[string]int
	asked  map[asked]struct{}
	serves track.Tracker // requests that it is to answer
}

// asked is whom a client has sent requests to.
type asked struct {
	service string
	nodeID  uint32
	flags   message.Flags
}

// Listen makes the socket path; it is the caller's alone.
func Listen(path string) (*Proxy, error) {
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	p := &Proxy{
		ln: ln, clients: map[string]*client{}, services: map[string]*client{},
		topics: map[string]int{}, own: map[uint32]func(*message.Message){},
	}
	p.back.L = &p.mu
	return p, nil
}

// Hold has clients' messages wait while there is no broker, which otherwise fail.
func (p *Proxy) Hold(on bool) { p.hold = on }

// Attach makes nc the connection to the broker: what clients have registered is
// registered there.
func (p *Proxy) Attach(nc net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.up = link.NewStream(nc, 0)
	for _, m := range p.restoration() {
		_ = p.up.Send(m) // the end of the connection is noticed by Run
	}
	p.back.Broadcast()
}

// Run passes messages on until the connection that was attached ends, and
// returns why: nil when that was Close.
func (p *Proxy) Run() error {
	p.mu.Lock()
	up := p.up
	p.mu.Unlock()
	for {
		m, err := up.Recv()
		if err != nil {
			up.Abort()
			if p.lost() {
				return nil
			}
			return err
		}
		p.fromBroker(m)
	}
}

// restoration makes the broker know what clients have registered and want.
func (p *Proxy) restoration() []*message.Message {
	var out []*message.Message
	for topic := range p.topics {
		out = append(out, quiet("event.subscribe", map[string]string{"topic": topic}))
	}
	for name := range p.services {
		out = append(out, quiet("service.add", map[string]string{"service": name}))
	}
	return out
}

func quiet(topic string, payload any) *message.Message {
	m := message.NewRequest(topic, message.NodeAny, payload)
	m.Flags |= message.FlagNoResponse
	return m
}

// lost fails what waits for the broker; true when the proxy is closed.
func (p *Proxy) lost() (closed bool) {
	p.mu.Lock()
	p.up = nil
	own, closed := p.own, p.closed
	p.own = map[uint32]func(*message.Message){}
	p.mu.Unlock()
	for tag, fn := range own {
		m := message.NewRequest("", message.NodeAny, nil)
		m.Matchtag = tag
		fn(m.ErrorResponse(syscall.ECONNRESET))
	}
	for _, req := range p.sent.Drain() {
		p.toClient(reset(req))
	}
	return closed
}

// Accept admits clients until Close.
func (p *Proxy) Accept() {
	for {
		nc, err := p.ln.AcceptUnix()
		if err != nil {
			return
		}
		go p.admit(nc)
	}
}

// Close ends the proxy; its socket is removed.
func (p *Proxy) Close() {
	p.ln.Close()
	p.mu.Lock()
	p.closed = true
	p.back.Broadcast()
	clients, up := p.clients, p.up
	p.clients = map[string]*client{}
	p.mu.Unlock()
	for _, c := range clients {
		c.stream.Close()
	}
	if up != nil {
		up.Close()
	}
}

// admit serves a client that is the same user as this process.
func (p *Proxy) admit(nc *net.UnixConn) {
	uid, err := link.PeerUID(nc)
	if err == nil && int(uid) != os.Geteuid() {
		_, _ = nc.Write([]byte{byte(syscall.EPERM)})
		err = syscall.EPERM
	}
	if err == nil {
		_, err = nc.Write([]byte{0})
	}
	if err != nil {
		nc.Close()
		return
	}
	c := &client{id: newID(), stream: link.NewStream(nc, 0), topics: map[string]int{}, asked: map[asked]struct{}{}}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		nc.Close()
		return
	}
	p.clients[c.id] = c
	p.mu.Unlock()
	for {
		m, err := c.stream.Recv()
		if err != nil {
			break
		}
		p.fromClient(c, m)
	}
	p.gone(c)
}

// newID is a route id.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
