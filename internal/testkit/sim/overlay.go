// SPDX-License-Identifier: LGPL-3.0-or-later

package sim

import (
	"fmt"
	"syscall"
	"time"

	core "goflux/internal/core/overlay"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/service/heartbeat"
	"goflux/internal/track"
)

// tree is the shape of the instance.
type tree struct {
	*core.Topology
	hosts string
	up    []*lane // from each rank to its parent
	down  []*lane
}

func newTree(w *world, size, fanout int) (*tree, error) {
	topo, err := core.NewTopology(fmt.Sprintf("kary:%d", fanout), size, nil)
	if err != nil {
		return nil, err
	}
	t := &tree{Topology: topo, hosts: fmt.Sprintf("node[0-%d]", size-1)}
	if size == 1 {
		t.hosts = "node0"
	}
	for range size {
		t.up = append(t.up, &lane{a: w.newActor()})
		t.down = append(t.down, &lane{a: w.newActor()})
	}
	return t, nil
}

// overlay is a broker's part in the tree: a model of the overlay service, which
// is about sockets, on the core that it stands on, too.
type overlay struct {
	b     *broker
	m     *module
	peers *core.Peers

	children map[uint32]*childLink
	parent   *parentLink
	monitors service.Streams[struct{}]
	ticks    func() // tick, made once
}

// Control messages (RFC 3).
const (
	controlHeartbeat = 0
	controlStatus    = 1
	controlProbe     = 4
)

func newOverlay(b *broker) *overlay {
	return &overlay{b: b, children: map[uint32]*childLink{}}
}

func (o *overlay) registration() *service.Registration {
	return &service.Registration{
		Name: "overlay",
		Methods: []service.Method{
			service.Unary("overlay.topology", service.Guests, (*overlay).topology),
			service.Deferred("overlay.monitor", service.Owner, (*overlay).monitor),
			service.Deferred("overlay.parent-wait", service.Owner, (*overlay).parentWait),
		},
		New: func(h service.Host, _ []string) (any, error) {
			o.m = h.(*module)
			o.peers = core.NewPeers(o.b.w.tree.Children(h.Rank()), h.Now())
			o.b.router.SetNext(o.next)
			if rank, ok := o.b.w.tree.Parent(h.Rank()); ok {
				o.parent = &parentLink{o: o, rank: rank}
				o.b.router.SetParent(o.parent)
				o.dial(firstRetry)
			}
			o.ticks = o.tick
			o.b.w.after(o.m.a, syncEvery, o.ticks)
			return o, nil
		},
	}
}

func (o *overlay) topology(_ *service.Call, req *rpc.OverlayRank) (any, error) {
	return o.b.w.tree.Subtree(req.Rank), nil
}

func (o *overlay) monitor(c *service.Call, _ *rpc.Empty) {
	for _, p := range o.peers.All() {
		if p.Status != core.Offline || p.Torpid {
			c.Respond(peerOf(p))
		}
	}
	o.monitors.Add(c, struct{}{})
}

func peerOf(p *core.Peer) rpc.OverlayPeer {
	return rpc.OverlayPeer{Rank: p.Rank, Status: p.Status.String(), Torpid: p.Torpid}
}

func (o *overlay) next(rank uint32) (service.Endpoint, bool) {
	hop, below := o.b.w.tree.NextHop(o.b.node.rank, rank)
	if !below {
		return nil, false
	}
	if c := o.children[hop]; c != nil {
		return c, true
	}
	return nil, true
}

// How often silence is looked for, and how long it may last.
const (
	syncEvery = 2 * time.Second
	torpidMin = 5 * time.Second
	torpidMax = 30 * time.Second
)

// tick is no turn of the module's loop: it comes to every broker all the time,
// and nothing that waits there depends on it.
func (o *overlay) tick() {
	switch {
	case o.m.gone || o.b.dead:
		return
	case o.b.node.paused:
		o.b.node.whenResumed(o.m.a, o.ticks)
		return
	}
	now := o.b.node.clock()
	if p := o.parent; p != nil && now.Sub(p.lastSent) > torpidMin {
		p.control(controlHeartbeat, 0)
	}
	for _, p := range o.peers.All() {
		if c := o.children[p.Rank]; c != nil {
			o.peers.Heard(p, c.seen)
		}
	}
	for _, p := range o.peers.Torpor(torpidMax, now) {
		o.notify(p)
	}
	o.b.w.after(o.m.a, syncEvery, o.ticks)
}

func (o *overlay) notify(p *core.Peer) {
	for st := range o.monitors.All() {
		st.Respond(peerOf(p))
	}
}

// update takes in a child's status.
func (o *overlay) update(p *core.Peer, s core.Status, reason string) {
	c := o.peers.Update(p, s, reason, o.b.node.clock())
	if !c.Changed {
		return
	}
	if c.Left {
		o.drop(p.Rank)
	}
	if c.Subtree && o.parent != nil {
		status, _ := o.peers.Status()
		o.parent.control(controlStatus, uint32(status))
	}
	o.notify(p)
}

// drop ends a child's link: what it had not answered fails.
func (o *overlay) drop(rank uint32) {
	c := o.children[rank]
	if c == nil {
		return
	}
	delete(o.children, rank)
	o.b.router.Detach(c.uuid)
	c.gone = true
	for _, req := range c.sent.Drain() {
		c.unreachable(req)
	}
	o.farewell(c.uuid, c.got.Drain())
	c.end.close()
}

// farewell tells the services that were asked for something over a link that
// nobody waits for it any more.
func (o *overlay) farewell(id string, requests []*message.Message) {
	for _, m := range track.Farewells(requests) {
		o.b.router.SendFrom(id, m)
	}
}

// childLink is the link to a child: an endpoint.
type childLink struct {
	o    *overlay
	rank uint32
	uuid string
	end  *end
	sent track.Tracker // requests that went to the child
	got  track.Tracker // requests that came from there
	seen time.Time
	gone bool
}

// Deliver implements service.Endpoint.
func (c *childLink) Deliver(m *message.Message) {
	switch {
	case m.Type == message.TypeRequest && c.gone:
		c.unreachable(m)
		return
	case m.Type == message.TypeRequest:
		c.sent.Request(m)
	case m.Type == message.TypeResponse:
		c.got.Response(m)
	case m.Type == message.TypeEvent && c.idle(m):
		return
	}
	c.end.send(m)
}

// idle tells of an event that it would be lost in the child's subtree, where
// nobody listens: then it need not go there. Who begins to listen while it is on
// its way has come too late for it.
func (c *childLink) idle(m *message.Message) bool {
	return m.Topic != heartbeat.Event && !c.o.b.w.listens(c.rank, m) // that goes to all
}

// listens tells whether a broker of the subtree would hand on an event.
func (w *world) listens(rank uint32, m *message.Message) bool {
	if b := w.nodes[rank].broker; b != nil && b.router.Wants(m) {
		return true
	}
	for _, child := range w.tree.Children(rank) {
		if w.listens(child, m) {
			return true
		}
	}
	return false
}

func (c *childLink) unreachable(m *message.Message) {
	if !m.Is(message.FlagNoResponse) {
		c.o.b.router.Send(m.ErrorResponse(syscall.EHOSTUNREACH))
	}
}

func (c *childLink) receive(m *message.Message) {
	o := c.o
	c.seen = o.b.node.clock()
	switch m.Type {
	case message.TypeRequest:
		c.got.Request(m)
		o.b.router.SendFrom(c.uuid, m)
	case message.TypeResponse:
		c.sent.Response(m)
		o.b.router.Send(m)
	case message.TypeEvent:
		up := *m
		up.Sequence = 0 // what comes from below is not published yet
		o.b.router.Send(&up)
	case message.TypeControl:
		if m.ControlType != controlStatus {
			return
		}
		o.m.Post(func() {
			if s := core.Status(m.ControlStatus); o.children[c.rank] == c && s.Online() {
				o.update(o.peers.Get(c.rank), s, "")
			}
		})
	}
}

// probeTime is how long a child that is connected may take to show that it is
// there when another broker claims its rank.
const probeTime = 2 * time.Second

// consider decides about a child that introduces itself.
func (o *overlay) consider(e *end, m *message.Message) {
	var req rpc.OverlayHello
	if err := m.Decode(&req); err != nil {
		o.b.w.fail("overlay.hello: %v", err)
		return
	}
	if o.b.leaving {
		e.send(m.ErrorResponse(message.Errorf(syscall.EAGAIN, "the parent is shutting down")))
		e.close()
		return
	}
	old := o.children[req.Rank]
	if old == nil || req.Previous == old.uuid {
		o.welcome(e, m, &req)
		return
	}
	asked := o.b.node.clock()
	old.end.send(&message.Message{Type: message.TypeControl, ControlType: controlProbe})
	o.m.After(probeTime, func() {
		if o.children[req.Rank] == old && old.seen.After(asked) {
			e.send(m.ErrorResponse(message.Errorf(syscall.EEXIST, "another broker of rank %d is connected and alive", req.Rank)))
			e.close()
			return
		}
		o.welcome(e, m, &req)
	})
}

// welcome makes a connection the link to a child.
func (o *overlay) welcome(e *end, m *message.Message, req *rpc.OverlayHello) {
	if e.broken {
		return
	}
	p := o.peers.Get(req.Rank)
	if p.Status.Online() { // it has come back before it was missed
		o.update(p, core.Lost, "")
	}
	c := &childLink{o: o, rank: req.Rank, uuid: req.UUID, end: e, seen: o.b.node.clock()}
	e.receive = c.receive
	e.lost = func() {
		o.m.Post(func() {
			if o.children[c.rank] == c {
				o.update(o.peers.Get(c.rank), core.Lost, "lost connection")
			}
		})
	}
	r := m.Response()
	r.SetValue(rpc.OverlayWelcome{UUID: o.b.uuid})
	e.send(r)
	o.children[req.Rank] = c
	o.b.router.AttachChild(c.uuid, c)
	o.update(p, core.Status(req.Status), "")
}

// parentLink is the link to the parent: an endpoint from the start.
type parentLink struct {
	o        *overlay
	rank     uint32
	state    linkState
	end      *end   // of linkUp
	self     string // what the parent calls the last connection
	route    string // what the parent is called here
	count    int    // connections so far
	queue    []*message.Message
	sent     track.Tracker // requests that went up
	got      track.Tracker // requests that came from there
	lastSent time.Time
	waiters  service.Streams[int]
}

type linkState int

const (
	linkNew  linkState = iota // not connected yet
	linkUp                    // connected
	linkAway                  // was connected, will be again
	linkLost                  // for good
)

// Deliver implements service.Endpoint.
func (p *parentLink) Deliver(m *message.Message) {
	switch m.Type {
	case message.TypeRequest:
		p.sent.Request(m)
	case message.TypeResponse:
		p.got.Response(m)
	}
	switch p.state {
	case linkNew:
		p.queue = append(p.queue, m)
	case linkUp:
		p.end.send(m)
		p.lastSent = p.o.b.node.clock()
	default:
		if m.Type == message.TypeRequest && p.sent.Forget(m) {
			p.unreachable(m)
		}
	}
}

func (p *parentLink) unreachable(m *message.Message) {
	if !m.Is(message.FlagNoResponse) {
		p.o.b.router.Send(m.ErrorResponse(message.Errorf(syscall.EHOSTUNREACH, "lost contact with the parent")))
	}
}

func (p *parentLink) control(kind, status uint32) {
	if p.state == linkUp {
		p.Deliver(&message.Message{Type: message.TypeControl, ControlType: kind, ControlStatus: status})
	}
}

// How long to wait before trying to connect again.
const (
	firstRetry = 5 * time.Millisecond
	lastRetry  = time.Second
)

// dial connects to the parent, however long that takes.
func (o *overlay) dial(wait time.Duration) {
	w, rank := o.b.w, o.b.node.rank
	up, down := w.tree.up[rank], w.tree.down[rank]
	w.after(up.a, up.latency()+down.latency(), func() {
		parent := w.nodes[o.parent.rank].broker
		if o.b.dead || o.b.leaving || o.parent.state == linkLost {
			return
		}
		if up.blocked || down.blocked || o.b.node.paused || parent == nil || parent.overlay.m == nil || parent.overlay.m.inst == nil {
			w.after(up.a, wait, func() { o.dial(min(2*wait, lastRetry)) })
			return
		}
		mine, theirs := connect(w, o.b, parent, up, down)
		theirs.receive = func(m *message.Message) { parent.overlay.m.Post(func() { parent.overlay.consider(theirs, m) }) }
		theirs.lost = func() {}
		hello := o.hello()
		mine.receive = func(m *message.Message) { o.welcomed(mine, hello, m) }
		mine.lost = func() { w.after(up.a, wait, func() { o.dial(min(2*wait, lastRetry)) }) }
		m := message.NewRequest("overlay.hello", message.NodeAny, hello)
		m.Matchtag = 1
		mine.send(m)
	})
}

func (o *overlay) hello() rpc.OverlayHello {
	status, _ := o.peers.Status()
	m := rpc.OverlayHello{Protocol: 1, Rank: o.b.node.rank, UUID: o.b.uuid, Status: int(status), Hostname: o.b.node.host()}
	if p := o.parent; p.count > 0 {
		m.UUID, m.Previous = fmt.Sprintf("%s-%d", o.b.uuid, p.count), p.self
	}
	return m
}

// welcomed takes the parent's answer to the hello.
func (o *overlay) welcomed(e *end, hello rpc.OverlayHello, m *message.Message) {
	switch num := message.Errno(m.Err()); {
	case num == 0:
	case num == syscall.EAGAIN:
		e.giveUp() // and another attempt
		return
	default:
		e.lost = func() {}
		e.close()
		o.parentGone()
		return
	}
	var w rpc.OverlayWelcome
	if err := m.Decode(&w); err != nil {
		o.b.w.fail("overlay.hello: %v", err)
		return
	}
	p := o.parent
	if p.route = w.UUID; hello.Previous != "" {
		p.route += hello.UUID[len(o.b.uuid):]
	}
	o.b.router.NameParent(p.route)
	e.receive = p.receive
	e.lost = func() { o.m.Post(func() { p.ended(e) }) }
	for _, m := range p.queue {
		e.send(m)
	}
	p.state, p.end, p.queue, p.self, p.lastSent = linkUp, e, nil, hello.UUID, o.b.node.clock()
	o.m.Post(func() {
		if p.state != linkUp {
			return
		}
		p.count++
		status, _ := o.peers.Status()
		p.control(controlStatus, uint32(status))
		p.answerWaiters()
	})
}

func (o *overlay) parentWait(c *service.Call, req *rpc.OverlayParentWait) {
	if o.parent == nil {
		c.Fail(message.Errorf(syscall.EINVAL, "no parent"))
		return
	}
	if !o.parent.answerWait(c, req.After) {
		o.parent.waiters.Add(c, req.After)
	}
}

func (p *parentLink) answerWaiters() {
	for st := range p.waiters.All() {
		if p.answerWait(st.Call, st.State) {
			p.waiters.Remove(st)
		}
	}
}

func (p *parentLink) answerWait(c *service.Call, after int) bool {
	switch {
	case p.state == linkLost:
		c.Fail(message.Errorf(syscall.EHOSTUNREACH, "lost contact with the parent"))
	case p.state == linkUp && p.count > after:
		c.Respond(rpc.OverlayParentUp{Connections: p.count})
	default:
		return false
	}
	return true
}

func (p *parentLink) receive(m *message.Message) {
	r := p.o.b.router
	switch m.Type {
	case message.TypeRequest:
		p.got.Request(m)
		r.SendFrom(p.route, m)
	case message.TypeResponse:
		p.sent.Response(m)
		r.Send(m)
	case message.TypeEvent:
		r.Send(m)
	case message.TypeControl:
		if m.ControlType == controlProbe {
			p.control(controlHeartbeat, 0)
		}
	}
}

// ended is a connection that has ended: the broker waits for its parent to
// return.
func (p *parentLink) ended(e *end) {
	if p.end == e {
		p.cut(linkAway)
		p.o.dial(firstRetry)
	}
}

func (p *parentLink) cut(state linkState) {
	p.state, p.end, p.queue = state, nil, nil
	p.o.b.router.NameParent("")
	p.o.farewell(p.route, p.got.Drain())
	for _, req := range p.sent.Drain() {
		p.unreachable(req)
	}
}

// parentGone ends the link for good, and the broker with its subtree.
func (o *overlay) parentGone() {
	p := o.parent
	if p.state == linkLost {
		return
	}
	p.cut(linkLost)
	o.b.router.LoseParent()
	p.answerWaiters()
	o.b.leave()
}

// die ends all links with the broker.
func (o *overlay) die(power bool) {
	bye := (*end).close
	if power {
		bye = (*end).cut
	}
	for _, e := range o.b.ends {
		bye(e)
	}
}
