// SPDX-License-Identifier: LGPL-3.0-or-later

package broker

import (
	"slices"
	"strings"
	"sync"
	"syscall"

	"goflux/internal/message"
	"goflux/internal/service"
)

// Endpoint is what messages are delivered to.
type Endpoint = service.Endpoint

// Throttled is an endpoint that may fall behind: WaitRoom returns when it has
// room for more requests. Only callers that may block (connectors) use it.
type Throttled interface {
	WaitRoom()
}

// Router is the broker's switch: services by name, endpoints by route id, and
// the tree's links by rank. All methods may be called from any goroutine.
type Router struct {
	rank uint32
	uuid string

	mu       sync.RWMutex
	services map[string]serviceEntry
	ids      map[string]Endpoint
	subs     []*subscriber // few, and gone through for every event
	parent   Endpoint
	parentID string
	orphan   bool    // there was a parent and it is lost
	children []child // events go to all
	next     func(rank uint32) (child Endpoint, below bool)

	seqMu sync.Mutex // orders the delivery of events, too
	seq   uint32
}

type serviceEntry struct {
	id string // the owner's route id
	ep Endpoint
}

// child is the link to a child broker, by the child's uuid.
type child struct {
	id string
	ep Endpoint
}

type subscriber struct {
	id       string
	ep       Endpoint
	cred     message.Cred
	prefixes []wanted
}

// wanted is a prefix with how many times it was subscribed.
type wanted struct {
	prefix string
	times  int
}

// NewRouter returns the router of broker rank, whose route id is uuid.
func NewRouter(rank uint32, uuid string) *Router {
	return &Router{
		rank:     rank,
		uuid:     uuid,
		services: map[string]serviceEntry{},
		ids:      map[string]Endpoint{},
		next:     func(uint32) (Endpoint, bool) { return nil, false },
	}
}

// Attach makes ep reachable by route id.
func (r *Router) Attach(id string, ep Endpoint) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ids[id] = ep
}

// Detach forgets the endpoint id with its services and subscriptions.
func (r *Router) Detach(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.ids, id)
	r.subs = slices.DeleteFunc(r.subs, func(s *subscriber) bool { return s.id == id })
	r.children = slices.DeleteFunc(r.children, func(c child) bool { return c.id == id })
	for name, s := range r.services {
		if s.id == id {
			delete(r.services, name)
		}
	}
}

// SetParent gives the router the link to the parent; the route id is added by
// NameParent, once the parent has told it.
func (r *Router) SetParent(parent Endpoint) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.parent = parent
}

// NameParent makes the parent reachable by route id; "" takes the name back:
// answers to what has come from it are dropped.
func (r *Router) NameParent(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.ids, r.parentID)
	if r.parentID = id; id != "" {
		r.ids[id] = r.parent
	}
}

// LoseParent takes the parent away: what would go there fails from now on.
func (r *Router) LoseParent() {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.ids, r.parentID)
	r.parent, r.orphan = nil, true
}

// SetNext tells the router which child's link leads to a rank that is below
// this broker; nil when that child is not there.
func (r *Router) SetNext(next func(rank uint32) (child Endpoint, below bool)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next = next
}

// AttachChild adds a child broker's link: a route, and a receiver of events.
func (r *Router) AttachChild(id string, ep Endpoint) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ids[id] = ep
	r.children = append(slices.DeleteFunc(r.children, func(c child) bool { return c.id == id }), child{id, ep})
}

// AddService registers a service name for the attached endpoint id. EINVAL for
// a name with a period, EEXIST when it is taken, ENOENT for an unknown id.
func (r *Router) AddService(name, id string) error {
	if name == "" || strings.Contains(name, ".") {
		return message.Errorf(syscall.EINVAL, "%q is not a service name", name)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	ep, ok := r.ids[id]
	if !ok {
		return syscall.ENOENT
	}
	if _, taken := r.services[name]; taken {
		return syscall.EEXIST
	}
	r.services[name] = serviceEntry{id, ep}
	return nil
}

// RemoveService drops a service name. ENOENT when it is not there, EPERM when
// another endpoint owns it.
func (r *Router) RemoveService(name, id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.services[name]
	if !ok {
		return syscall.ENOENT
	}
	if s.id != id {
		return syscall.EPERM
	}
	delete(r.services, name)
	return nil
}

// ServiceNames lists the names that endpoint id answers to.
func (r *Router) ServiceNames(id string) []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var names []string
	for name, s := range r.services {
		if s.id == id {
			names = append(names, name)
		}
	}
	return names
}

// Subscribe delivers events whose topic begins with prefix to endpoint id.
func (r *Router) Subscribe(id, prefix string, cred message.Cred) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.subscriber(id)
	if s == nil {
		ep, ok := r.ids[id]
		if !ok {
			return syscall.ENOENT
		}
		s = &subscriber{id: id, ep: ep, cred: cred}
		r.subs = append(r.subs, s)
	}
	if i := s.find(prefix); i >= 0 {
		s.prefixes[i].times++
	} else {
		s.prefixes = append(s.prefixes, wanted{prefix, 1})
	}
	return nil
}

// subscriber finds the subscriber of a route id, or nil.
func (r *Router) subscriber(id string) *subscriber {
	i := slices.IndexFunc(r.subs, func(s *subscriber) bool { return s.id == id })
	if i < 0 {
		return nil
	}
	return r.subs[i]
}

func (s *subscriber) find(prefix string) int {
	return slices.IndexFunc(s.prefixes, func(p wanted) bool { return p.prefix == prefix })
}

// Unsubscribe takes one subscription back. ENOENT when there is none.
func (r *Router) Unsubscribe(id, prefix string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.subscriber(id)
	if s == nil {
		return syscall.ENOENT
	}
	i := s.find(prefix)
	if i < 0 {
		return syscall.ENOENT
	}
	if s.prefixes[i].times--; s.prefixes[i].times == 0 {
		s.prefixes = slices.Delete(s.prefixes, i, i+1)
	}
	if len(s.prefixes) == 0 {
		r.subs = slices.DeleteFunc(r.subs, func(o *subscriber) bool { return o == s })
	}
	return nil
}

// SendFrom routes a message that came in from endpoint id: a request gets the
// hop on its route stack.
func (r *Router) SendFrom(id string, m *message.Message) {
	if m.Type == message.TypeRequest {
		m = m.PushRoute(id)
	}
	r.Send(m)
}

// Send routes a message; a request that cannot be routed is answered.
func (r *Router) Send(m *message.Message) { r.send(m) }

// SendWait is SendFrom for callers that may block: afterwards it waits until
// the receiver has room.
func (r *Router) SendWait(id string, m *message.Message) {
	if m.Type == message.TypeRequest {
		m = m.PushRoute(id)
	}
	if t, ok := r.send(m).(Throttled); ok {
		t.WaitRoom()
	}
}

func (r *Router) send(m *message.Message) Endpoint {
	switch m.Type {
	case message.TypeRequest:
		ep, err := r.target(m)
		if err != nil {
			r.refuse(m, err)
			return nil
		}
		ep.Deliver(m)
		return ep
	case message.TypeResponse:
		return r.respond(m)
	case message.TypeEvent:
		r.distribute(m)
	}
	return nil
}

// target finds where a request goes next (RFC 3, Request Routing).
func (r *Router) target(m *message.Message) (Endpoint, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	upstream := m.Is(message.FlagUpstream)
	local := m.NodeID == message.NodeAny || upstream != (m.NodeID == r.rank)
	if local {
		if s, ok := r.services[m.Service()]; ok {
			return s.ep, nil
		}
		if m.NodeID == r.rank && !upstream || r.parent == nil && !r.orphan {
			return nil, message.Errorf(syscall.ENOSYS, "No service matching %s is registered", m.Topic)
		}
	} else if !upstream {
		if ep, below := r.next(m.NodeID); below && ep != nil {
			return ep, nil
		} else if below {
			return nil, syscall.EHOSTUNREACH
		}
	}
	if r.parent == nil || cameFrom(m, r.parentID) {
		return nil, syscall.EHOSTUNREACH
	}
	return r.parent, nil
}

// cameFrom tells whether the last hop of a request was id: to send it back
// would make it go round for ever.
func cameFrom(m *message.Message, id string) bool {
	n := len(m.Routes)
	return n > 0 && id != "" && m.Routes[n-1] == id
}

// Upstream routes a request to the parent whatever services are here: what a
// relay does. One that was addressed to this broker goes on as one to what is
// upstream of it, or it would come back. EHOSTUNREACH on the root.
func (r *Router) Upstream(m *message.Message) {
	r.mu.RLock()
	parent := r.parent
	r.mu.RUnlock()
	if m.NodeID == r.rank && !m.Is(message.FlagUpstream) {
		m = m.Clone()
		m.Flags |= message.FlagUpstream
	}
	if parent == nil {
		r.refuse(m, syscall.EHOSTUNREACH)
		return
	}
	parent.Deliver(m)
}

// refuse answers a request with an error.
func (r *Router) refuse(m *message.Message, err error) {
	if !m.Is(message.FlagNoResponse) {
		r.respond(m.ErrorResponse(err))
	}
}

// respond delivers a response to the hop on top of its route stack. One whose
// hop is gone is dropped: its receiver has disconnected.
func (r *Router) respond(m *message.Message) Endpoint {
	m, id := m.PopRoute()
	r.mu.RLock()
	ep := r.ids[id]
	r.mu.RUnlock()
	if ep != nil {
		ep.Deliver(m)
	}
	return ep
}

// distribute hands an event to the local subscribers and the children. On the
// root, an event not yet published gets its sequence number; elsewhere one that
// comes from below goes up to be published.
func (r *Router) distribute(m *message.Message) {
	r.seqMu.Lock()
	defer r.seqMu.Unlock()
	if m.Sequence == 0 {
		r.mu.RLock()
		parent := r.parent
		r.mu.RUnlock()
		if parent != nil {
			parent.Deliver(m)
			return
		}
		r.seq++
		c := *m
		c.Sequence = r.seq
		m = &c
	} else if r.rank != 0 {
		r.seq = m.Sequence
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, s := range r.subs {
		if s.wants(m) {
			s.ep.Deliver(m)
		}
	}
	for _, c := range r.children {
		c.ep.Deliver(m)
	}
}

// Publish publishes an event and returns its sequence number. Only the root
// may call it.
func (r *Router) Publish(m *message.Message) uint32 {
	c := *m
	c.Sequence = 0
	r.distribute(&c)
	r.seqMu.Lock()
	defer r.seqMu.Unlock()
	return r.seq
}

// Wants tells whether an endpoint of this broker would be handed an event.
func (r *Router) Wants(m *message.Message) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.ContainsFunc(r.subs, func(s *subscriber) bool { return s.wants(m) })
}

func (s *subscriber) wants(m *message.Message) bool {
	if m.Is(message.FlagPrivate) && !s.cred.IsOwner() && s.cred.UserID != m.UserID {
		return false
	}
	for _, p := range s.prefixes {
		if strings.HasPrefix(m.Topic, p.prefix) {
			return true
		}
	}
	return false
}
