// SPDX-License-Identifier: LGPL-3.0-or-later

package broker

import (
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"

	"goflux/internal/link"
	"goflux/internal/message"
	"goflux/internal/service"
	"goflux/internal/track"
)

// ConnectorLocal is the module that listens on the broker's unix socket and
// admits clients (RFC 3, Message Framing and Security; RFC 12).
func ConnectorLocal(b *Broker) *service.Registration {
	return &service.Registration{
		Name:    "connector-local",
		Builtin: true,
		New: func(h service.Host, _ []string) (any, error) {
			uri, _ := h.Attr("local-uri")
			path, ok := strings.CutPrefix(uri, "local://")
			if !ok {
				return nil, message.Errorf(syscall.EINVAL, "local-uri: %q does not begin with local://", uri)
			}
			c := &connector{b: b, h: h, path: path, clients: map[*client]struct{}{}}
			if err := c.Reconfigure(); err != nil {
				return nil, err
			}
			return c, c.listen()
		},
	}
}

// connector is the instance of connector-local.
type connector struct {
	b    *Broker
	h    service.Host
	path string
	ln   *net.UnixListener

	mu      sync.Mutex
	clients map[*client]struct{}
	closed  bool
	access  accessPolicy
	refuse  bool // the next client, once: for tests of clients
}

// refuseNext is the debug flag that has the next client refused.
const refuseNext = 1

// DebugFlags implements service.DebugWatcher.
func (c *connector) DebugFlags(flags int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuse = flags&refuseNext != 0
}

// Reconfigure reads the [access] table.
func (c *connector) Reconfigure() error {
	p, err := readAccess(c.h.Config())
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.access = p
	c.mu.Unlock()
	c.h.Log().Debug("access policy", "allow-guest-user", p.guests, "allow-root-owner", p.rootOwner)
	return nil
}

func (c *connector) listen() error {
	_ = os.Remove(c.path) // left by a broker that was killed
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: c.path, Net: "unix"})
	if err != nil {
		return message.Errorf(message.Errno(err), "listening on %s: %v", c.path, err)
	}
	// Guests are admitted or not by their credentials, so all may connect.
	if err := os.Chmod(c.path, 0o777); err != nil {
		ln.Close()
		return err
	}
	c.ln = ln
	go c.accept()
	return nil
}

func (c *connector) accept() {
	for {
		nc, err := c.ln.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			c.h.Log().Warn("accepting a client", "err", err)
			continue
		}
		go c.admit(nc)
	}
}

// admit asks the kernel who connects and welcomes or refuses them.
func (c *connector) admit(nc *net.UnixConn) {
	uid, err := link.PeerUID(nc)
	if err != nil {
		c.h.Log().Warn("reading a client's credentials", "err", err)
		nc.Close()
		return
	}
	c.mu.Lock()
	policy, refuse := c.access, c.refuse
	c.refuse = false
	c.mu.Unlock()
	cred := message.Cred{UserID: uid, Rolemask: message.RoleUser | message.RoleLocal}
	switch {
	case !refuse && (uid == c.b.owner || uid == 0 && policy.rootOwner):
		cred = c.b.OwnerCred()
	case !refuse && policy.guests:
		if policy.isAdmin(uid, c.h.Log()) {
			cred.Rolemask |= message.RoleAdmin
		}
	default:
		_, _ = nc.Write([]byte{byte(syscall.EPERM)})
		nc.Close()
		return
	}
	if _, err := nc.Write([]byte{0}); err != nil {
		nc.Close()
		return
	}
	cl := &client{
		b: c.b, router: c.b.router, id: NewUUID(), cred: cred,
		owner: cred.IsOwner(), stream: link.NewStream(nc, 0),
		contacted: map[contact]struct{}{},
	}
	if !c.add(cl) {
		cl.stream.Close()
		return
	}
	cl.run()
	c.mu.Lock()
	delete(c.clients, cl)
	c.mu.Unlock()
}

func (c *connector) add(cl *client) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.clients[cl] = struct{}{}
	return true
}

// Stop disconnects the clients.
func (c *connector) Stop() {
	if c.ln != nil {
		c.ln.Close() // removes the socket, too
	}
	c.mu.Lock()
	c.closed = true
	clients := c.clients
	c.clients = map[*client]struct{}{}
	c.mu.Unlock()
	for cl := range clients {
		cl.stream.Close()
	}
}

// client is a connected client: an endpoint.
type client struct {
	b      *Broker
	router *Router
	id     string
	cred   message.Cred
	owner  bool
	stream *link.Stream
	// contacted are the services this client sent requests to: they are told
	// when it goes away, since they may hold streams for it.
	contacted map[contact]struct{}
	track     track.Tracker // requests this client serves
}

type contact struct {
	service string
	nodeID  uint32
	flags   message.Flags
	hop     string // of a client's client, see hop
}

// Deliver implements [Endpoint].
func (cl *client) Deliver(m *message.Message) {
	switch m.Type {
	case message.TypeRequest:
		cl.track.Request(m)
	case message.TypeResponse:
		m = cl.unhop(m)
	}
	if err := cl.stream.Send(m); err != nil && m.Type == message.TypeRequest {
		cl.track.Forget(m)
		cl.router.refuse(m, syscall.ENOSYS)
	}
}

// run reads from the client until it goes away.
func (cl *client) run() {
	cl.router.Attach(cl.id, cl)
	for {
		m, err := cl.stream.Recv()
		if err != nil {
			break
		}
		cl.receive(m)
	}
	cl.router.Detach(cl.id)
	cl.stream.Close()
	for _, req := range cl.track.Drain() {
		cl.router.respond(req.ErrorResponse(syscall.ENOSYS))
	}
	farewell(cl.router, cl.id, cl.cred, cl.contacted)
}

// early are the requests that are served before the broker has joined its
// instance: what tells how far it is.
var early = map[string]bool{
	"state-machine.wait": true, "state-machine.get": true, "attr.get": true, "log.dmesg": true,
}

var errOffline = message.Errorf(syscall.EAGAIN, "Upstream Flux broker is offline. Try again later.")

// receive stamps a message with the client's credential and routes it.
func (cl *client) receive(m *message.Message) {
	m.Cred = cl.stamp(m.Cred)
	switch m.Type {
	case message.TypeRequest:
		m.Routes = cl.hop(m.Routes)
		to := contact{m.Service(), m.NodeID, m.Flags & message.FlagUpstream, m.Sender()}
		switch {
		case to.hop != "" && m.Topic == to.service+".disconnect":
			delete(cl.contacted, to)
		case !m.Is(message.FlagNoResponse) || m.Is(message.FlagStreaming):
			cl.contacted[to] = struct{}{}
		}
		if !cl.b.online.Load() && !early[m.Topic] {
			if !m.Is(message.FlagNoResponse) {
				cl.Deliver(m.ErrorResponse(errOffline))
			}
			return
		}
	case message.TypeResponse:
		cl.track.Response(m)
	case message.TypeEvent:
		m.Sequence = 0
	case message.TypeControl:
		return
	}
	cl.router.SendWait(cl.id, m)
}

// hop makes the routes of a client that passes on what others send (flux-proxy)
// one hop that nobody else can have: it tells the client's clients apart, and
// lets none of them pose as another client of the broker.
func (cl *client) hop(routes []string) []string {
	if len(routes) == 0 {
		return nil
	}
	return []string{cl.id + "/" + strings.Join(routes, "/")}
}

// unhop undoes what hop did in a response.
func (cl *client) unhop(m *message.Message) *message.Message {
	if len(m.Routes) != 1 {
		return m
	}
	routes, ok := strings.CutPrefix(m.Routes[0], cl.id+"/")
	if !ok {
		return m
	}
	c := m.Clone()
	c.Routes = strings.Split(routes, "/")
	return c
}

// stamp assigns the credential as RFC 12 says: the owner may send as another,
// naming a user, roles, or both; what was named is not changed.
func (cl *client) stamp(c message.Cred) message.Cred {
	if !cl.owner {
		return cl.cred
	}
	if c.UserID == message.UserUnknown {
		c.UserID = cl.cred.UserID
	}
	if c.Rolemask == 0 {
		c.Rolemask = cl.cred.Rolemask
	}
	return c
}

// farewell tells services that the endpoint id, which sent them requests, has
// gone away.
func farewell(r *Router, id string, cred message.Cred, contacted map[contact]struct{}) {
	for k := range contacted {
		m := message.NewRequest(k.service+".disconnect", k.nodeID, nil)
		m.Cred = cred
		m.Flags |= message.FlagNoResponse | k.flags
		if k.hop != "" {
			m = m.PushRoute(k.hop)
		}
		r.SendFrom(id, m)
	}
}
