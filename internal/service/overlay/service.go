// SPDX-License-Identifier: LGPL-3.0-or-later

package overlay

import (
	"sync"
	"syscall"
	"time"

	"goflux/internal/boot"
	"goflux/internal/core/lifecycle"
	core "goflux/internal/core/overlay"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// WiringKey is the shared object, a *[boot.Wiring], that the service needs;
// RouterKey is the broker's router, AttrsKey its attributes, a [boot.Attrs].
const (
	WiringKey = "overlay.wiring"
	RouterKey = "router"
	AttrsKey  = "attrs"
)

// Router is the part of the broker's router that links use.
type Router interface {
	SendFrom(id string, m *message.Message)
	Send(m *message.Message)
	SetParent(parent service.Endpoint)
	NameParent(id string)
	LoseParent()
	SetNext(next func(rank uint32) (child service.Endpoint, below bool))
	AttachChild(id string, ep service.Endpoint)
	Detach(id string)
}

// Service is the registration.
var Service = &service.Registration{
	Name:    "overlay",
	Builtin: true,
	Methods: []service.Method{
		service.Deferred("overlay.health", service.Guests, (*overlay).health),
		service.Unary("overlay.topology", service.Guests, (*overlay).topology),
		service.Deferred("overlay.monitor", service.Owner, (*overlay).monitor),
		service.Unary("overlay.disconnect-subtree", service.Owner, (*overlay).disconnectSubtree),
		service.Unary("overlay.disconnect-parent", service.Owner, (*overlay).disconnectParent),
		service.Deferred("overlay.parent-wait", service.Owner, (*overlay).parentWait),
		service.Deferred("overlay.trace", service.Owner, (*overlay).trace),
		service.Unary("overlay.stats-get", service.Guests, (*overlay).stats),
	},
	New: construct,
}

// overlay is the instance.
type overlay struct {
	h      service.Host
	w      *boot.Wiring
	router Router
	attrs  boot.Attrs
	uuid   string
	peers  *core.Peers
	torpid boot.Torpid
	state  lifecycle.State
	spurn  bool // no child may connect any more
	synced bool // a configuration has come from the leader

	parent *parentLink       // nil on rank 0
	names  map[uint32]string // of children, as they said
	traced tracers

	mu         sync.RWMutex // guards what follows, at which others look, too
	children   map[uint32]*childLink
	rejects    int // that were not logged
	lastReject time.Time

	healthStreams  service.Streams[struct{}]
	monitorStreams service.Streams[struct{}]
}

// syncEvery is how often silence is looked for, and ended here, unless
// tbon.torpid_min asks for more often; syncLeast is as often as that may be.
const (
	syncEvery = 2 * time.Second
	syncLeast = 100 * time.Millisecond
)

func construct(h service.Host, _ []string) (any, error) {
	o := &overlay{h: h, children: map[uint32]*childLink{}, names: map[uint32]string{}}
	var ok1, ok2, ok3 bool
	o.w, ok1 = h.Shared(WiringKey).(*boot.Wiring)
	o.router, ok2 = h.Shared(RouterKey).(Router)
	o.attrs, ok3 = h.Shared(AttrsKey).(boot.Attrs)
	if !ok1 || !ok2 || !ok3 {
		return nil, message.Errorf(syscall.EINVAL, "the broker was not wired")
	}
	o.uuid, _ = h.Attr("broker.uuid")
	o.torpid = o.w.Tbon.Torpid
	o.peers = core.NewPeers(o.w.Topology.Children(h.Rank()), h.Now())
	o.router.SetNext(o.next)
	if _, ok := o.w.Topology.Parent(h.Rank()); ok {
		o.parent = newParentLink(o)
		o.router.SetParent(o.parent)
		o.dial()
	}
	for _, l := range o.w.Listeners {
		o.serve(l)
	}
	o.watchState()
	o.tick()
	return o, nil
}

// next finds the link that leads down to a rank.
func (o *overlay) next(rank uint32) (service.Endpoint, bool) {
	hop, below := o.w.Topology.NextHop(o.h.Rank(), rank)
	if !below {
		return nil, false
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	if c := o.children[hop]; c != nil {
		return c, true
	}
	return nil, true
}

func (o *overlay) child(rank uint32) *childLink {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.children[rank]
}

func (o *overlay) setChild(rank uint32, c *childLink) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c == nil {
		delete(o.children, rank)
		return
	}
	o.children[rank] = c
}

// host names a rank for people.
func (o *overlay) host(rank uint32) string {
	if o.w.Hosts != nil {
		if name, ok := o.w.Hosts.At(int(rank)); ok {
			return name
		}
	}
	if p, ok := o.w.Topology.Parent(o.h.Rank()); ok && p == rank && o.w.ParentHost != "" {
		return o.w.ParentHost
	}
	return o.names[rank]
}

// watchState follows the broker's own state, which decides who may connect and
// when to leave.
func (o *overlay) watchState() {
	final := int(lifecycle.Goodbye)
	o.h.Request(service.Request{
		Topic: "state-machine.monitor", NodeID: message.NodeAny, Flags: message.FlagStreaming,
		Payload: rpc.StateMonitor{Final: &final},
	}, func(m *message.Message) {
		var s rpc.StateNumber
		if m.Err() == nil && m.Decode(&s) == nil {
			o.entered(lifecycle.State(s.State))
		}
	})
}

func (o *overlay) entered(s lifecycle.State) {
	o.state = s
	if s >= lifecycle.Cleanup {
		o.spurn = true
	}
	switch s {
	case lifecycle.Shutdown:
		if o.peers.Online() == 0 {
			o.post("children-none", false)
		}
	case lifecycle.Goodbye:
		if o.parent != nil && !o.parent.goodbye() {
			o.post("goodbye", false)
		}
	}
}

// post hands an event to the state machine.
func (o *overlay) post(event string, isError bool) {
	o.h.Request(service.Request{
		Topic: "state-machine.post", NodeID: message.NodeAny,
		Payload: rpc.StatePost{Event: event, Error: isError},
	}, nil)
}

// tick looks for silence, over and over.
func (o *overlay) tick() {
	o.h.After(min(syncEvery, max(o.torpid.Min, syncLeast)), func() {
		now := o.h.Now()
		if o.parent != nil {
			o.parent.keepAlive(o.torpid.Min)
		}
		for _, p := range o.peers.All() {
			if c := o.child(p.Rank); c != nil {
				o.peers.Heard(p, c.lastSeen())
			}
		}
		for _, p := range o.peers.Torpor(o.torpid.Max, now) {
			o.logTorpid(p, now)
			o.notify(p)
		}
		o.tick()
	})
}

// Reconfigure applies the settings that may change while running.
func (o *overlay) Reconfigure() error {
	initial := !o.synced && o.h.Rank() != 0 && o.state <= lifecycle.ConfigSync
	o.synced = true
	t, err := boot.ReadTorpid(o.attrs, o.h.Config(), o.torpid, initial)
	if err != nil {
		return err
	}
	o.torpid = t
	return nil
}

// Disconnect forgets a client's streams.
func (o *overlay) Disconnect(sender string) {
	o.healthStreams.Disconnect(sender, nil)
	o.monitorStreams.Disconnect(sender, nil)
	o.traced.disconnect(sender)
	if o.parent != nil {
		o.parent.waiters.Disconnect(sender, nil)
	}
}

// Stop closes all links.
func (o *overlay) Stop() {
	for _, l := range o.w.Listeners {
		l.Close()
	}
	o.mu.Lock()
	children := o.children
	o.children = map[uint32]*childLink{}
	o.mu.Unlock()
	for _, c := range children {
		o.router.Detach(c.uuid)
		c.stream.Close()
	}
	if o.parent != nil {
		o.parent.close()
	}
}
