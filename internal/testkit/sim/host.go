// SPDX-License-Identifier: LGPL-3.0-or-later

package sim

import (
	"context"
	"log/slog"
	"strings"
	"syscall"
	"time"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/track"
)

// module hosts a service: its mailbox is emptied by events of the world. It
// keeps to what package broker's module host does.
type module struct {
	b     *broker
	a     *actor
	reg   *service.Registration
	name  string
	uuid  string
	track track.Tracker
	log   *slog.Logger

	box       []item
	spare     []item // the box of the last turn, to be filled again
	scheduled bool   // a turn of the loop is coming
	takeTurn  func() // turn, made once
	inst      any
	methods   map[string]service.Method
	extra     map[string]func(*service.Call)
	pending   map[uint32]*pendingRequest
	unmatched map[string]func(*message.Message)
	matchtag  uint32
	subs      []*subscription
	names     []string // that it is loaded under

	running  bool
	gone     bool
	stopping bool
	failure  error
	onReady  func(error)
	onGone   []func()
}

// item is a message or a function to run.
type item struct {
	msg *message.Message
	fn  func()
}

type pendingRequest struct {
	fn        func(*message.Message)
	streaming bool
}

type subscription struct {
	prefix string
	fn     func(*message.Message)
}

var _ service.Host = (*module)(nil)

// Turns of a loop: how long a message waits for its service, and how often a
// loop is held up for longer.
const (
	quickTurn = 30 * time.Microsecond
	slowTurn  = 5 * time.Millisecond
	slowShare = 0.01
)

func (m *module) put(it item) {
	if m.gone {
		return
	}
	m.box = append(m.box, it)
	if m.scheduled {
		return
	}
	m.scheduled = true
	wait := m.a.between(0, quickTurn)
	if m.a.chance(slowShare) {
		wait = m.a.between(0, slowTurn)
	}
	m.b.w.after(m.a, wait, m.takeTurn)
}

// turn empties the mailbox, as the loop of a module does.
func (m *module) turn() {
	m.scheduled = false
	if m.gone || m.b.dead {
		return
	}
	if m.b.node.paused {
		m.scheduled = true
		m.b.node.whenResumed(m.a, m.takeTurn)
		return
	}
	items := m.box
	m.box = m.spare[:0]
	for i := range items {
		if m.stopping {
			m.refuse(items[i].msg)
			continue
		}
		m.handle(items[i])
	}
	clear(items)
	m.spare = items
	m.endTurn()
}

func (m *module) endTurn() {
	if batcher, ok := m.inst.(service.Batcher); ok && !m.stopping {
		batcher.EndBatch()
	}
	if m.stopping {
		m.finish()
	}
}

func (m *module) handle(it item) {
	if it.fn != nil {
		it.fn()
		return
	}
	m.b.w.mix(uint64(m.a.id)<<32 | uint64(it.msg.Type)<<16 ^ uint64(it.msg.Errnum))
	m.b.w.mixText(it.msg.Topic)
	if m.b.w.detail != nil {
		m.b.w.note(it.msg.Type.String(), m.b.node.rank, m.name, it.msg.Topic, it.msg.Errnum)
	}
	switch it.msg.Type {
	case message.TypeRequest:
		m.serve(it.msg)
	case message.TypeResponse:
		m.answered(it.msg)
	case message.TypeEvent:
		for _, s := range m.subs {
			if strings.HasPrefix(it.msg.Topic, s.prefix) {
				s.fn(it.msg)
			}
		}
	}
}

func (m *module) serve(msg *message.Message) {
	c := service.NewCall(msg, func(r *message.Message) {
		m.track.Response(r)
		m.b.router.Send(r)
	})
	if meth, ok := m.methods[msg.Topic]; ok {
		if !msg.Cred.Allows(meth.Allow) {
			c.Fail(message.Errorf(syscall.EPERM, "Request requires owner credentials"))
			return
		}
		meth.Invoke(m.inst, c)
		return
	}
	if fn, ok := m.extra[msg.Service()]; ok {
		fn(c)
		return
	}
	if _, method, _ := strings.Cut(msg.Topic, "."); method == "disconnect" {
		if d, ok := m.inst.(service.Disconnecter); ok {
			d.Disconnect(msg.Sender())
		}
		if !m.reg.Relay {
			c.Respond(nil)
			return
		}
	}
	if m.reg.Relay {
		m.track.Forget(msg) // the answer goes past here
		m.b.router.Upstream(msg)
		return
	}
	c.Fail(message.Errorf(syscall.ENOSYS, "Unknown service method %s", msg.Topic))
}

func (m *module) answered(msg *message.Message) {
	if msg.Matchtag == message.MatchtagNone {
		if fn := m.unmatched[msg.Topic]; fn != nil {
			fn(msg)
		}
		return
	}
	p, ok := m.pending[msg.Matchtag]
	if !ok {
		return
	}
	if !p.streaming || msg.Errnum != 0 {
		delete(m.pending, msg.Matchtag)
	}
	p.fn(msg)
}

func (m *module) refuse(msg *message.Message) {
	if msg != nil && msg.Type == message.TypeRequest {
		m.track.Forget(msg)
		if !msg.Is(message.FlagNoResponse) {
			m.b.router.Send(msg.ErrorResponse(syscall.ENOSYS))
		}
	}
}

// stop unloads the module, in order.
func (m *module) stop(done func()) {
	m.onGone = append(m.onGone, done)
	m.put(item{fn: func() {
		if s, ok := m.inst.(service.AsyncStopper); ok {
			s.StopAsync(func() {
				m.stopping = true
				m.Post(func() {}) // a turn to end it in
			})
			return
		}
		m.stopping = true
	}})
}

// finish releases everything: requests that wait here are answered.
func (m *module) finish() {
	if m.gone {
		return
	}
	m.b.router.Detach(m.uuid)
	if s, ok := m.inst.(service.Stopper); ok {
		s.Stop()
	}
	m.gone = true
	for _, it := range m.box {
		m.refuse(it.msg)
	}
	for _, req := range m.track.Drain() {
		m.b.router.Send(req.ErrorResponse(syscall.ENOSYS))
	}
	m.b.exited(m)
}

// Deliver implements service.Endpoint.
func (m *module) Deliver(msg *message.Message) {
	if m.gone || m.b.dead {
		return
	}
	if msg.Type == message.TypeRequest {
		m.track.Request(msg)
	}
	m.put(item{msg: msg})
}

func (m *module) Name() string { return m.name }
func (m *module) UUID() string { return m.uuid }
func (m *module) Rank() uint32 { return m.b.node.rank }
func (m *module) Size() uint32 { return uint32(len(m.b.w.nodes)) }

// Request implements service.Host.
func (m *module) Request(req service.Request, fn func(*message.Message)) *service.Pending {
	msg := message.NewRequest(req.Topic, req.NodeID, req.Payload)
	msg.Flags |= req.Flags
	msg.Cred = req.Cred
	if !msg.Cred.Valid() {
		msg.Cred = ownerCred
	}
	if msg.NodeID == message.NodeUpstream {
		msg.NodeID = m.Rank()
		msg.Flags |= message.FlagUpstream
	}
	if req.NoMatchtag {
		m.b.router.SendFrom(m.uuid, msg)
		return nil
	}
	if fn == nil {
		msg.Flags |= message.FlagNoResponse
		m.b.router.SendFrom(m.uuid, msg)
		return nil
	}
	m.matchtag++
	tag := m.matchtag
	msg.Matchtag = tag
	m.pending[tag] = &pendingRequest{fn, msg.Is(message.FlagStreaming)}
	m.b.router.SendFrom(m.uuid, msg)
	return service.NewPending(tag, func() { delete(m.pending, tag) })
}

// OnResponse implements service.Host.
func (m *module) OnResponse(topic string, fn func(*message.Message)) { m.unmatched[topic] = fn }

// Send implements service.Host.
func (m *module) Send(msg *message.Message) { m.b.router.Send(msg) }

// Publish implements service.Host.
func (m *module) Publish(topic string, payload any) {
	ev := message.NewEvent(topic, payload)
	ev.Cred = ownerCred
	m.Send(ev)
}

// Subscribe implements service.Host.
func (m *module) Subscribe(prefix string, fn func(*message.Message)) func() {
	s := &subscription{prefix, fn}
	m.subs = append(m.subs, s)
	_ = m.b.router.Subscribe(m.uuid, prefix, ownerCred) // attached for as long as it runs
	return func() {
		for i := range m.subs {
			if m.subs[i] == s {
				m.subs = append(m.subs[:i:i], m.subs[i+1:]...)
				_ = m.b.router.Unsubscribe(m.uuid, prefix)
				return
			}
		}
	}
}

// AddService implements service.Host.
func (m *module) AddService(name string, handle func(*service.Call)) error {
	if err := m.b.router.AddService(name, m.uuid); err != nil {
		return err
	}
	if handle != nil {
		m.extra[name] = handle
	}
	return nil
}

// RemoveService implements service.Host.
func (m *module) RemoveService(name string) {
	_ = m.b.router.RemoveService(name, m.uuid) // it may be gone already
	delete(m.extra, name)
}

// Post implements service.Host.
func (m *module) Post(fn func()) { m.put(item{fn: fn}) }

// Work off the loop takes a while, in which the loop goes on.
const slowestWork = 3 * time.Millisecond

// Go implements service.Host: the work is done at one moment, later.
func (m *module) Go(work func(ctx context.Context), fn func()) {
	var do func()
	do = func() {
		if m.gone || m.b.dead {
			return
		}
		if m.b.node.paused {
			m.b.node.whenResumed(m.a, do)
			return
		}
		work(context.Background())
		if fn != nil {
			m.Post(fn)
		}
	}
	m.b.w.after(m.a, m.a.between(0, slowestWork), do)
}

// After implements service.Host. What is due goes through the mailbox if there
// is something before it; else it is a turn of its own.
func (m *module) After(d time.Duration, fn func()) service.Timer {
	t := &timer{m: m, fn: fn}
	m.b.w.after(m.a, max(d, 0)+m.a.between(0, quickTurn), t.due)
	return t
}

type timer struct {
	m  *module
	fn func() // nil when it was stopped
}

func (t *timer) due() {
	m := t.m
	switch {
	case t.fn == nil || m.gone || m.b.dead:
	case len(m.box) > 0 || m.stopping || m.b.node.paused || m.a.chance(slowShare):
		m.put(item{fn: t.run})
	default:
		t.run()
		m.endTurn()
	}
}

func (t *timer) run() {
	if fn := t.fn; fn != nil {
		fn()
	}
}

// Stop implements service.Timer.
func (t *timer) Stop() bool {
	was := t.fn != nil
	t.fn = nil
	return was
}

// Now implements service.Host.
func (m *module) Now() time.Time { return m.b.node.clock() }

// Attr implements service.Host.
func (m *module) Attr(name string) (string, bool) {
	v, ok := m.b.attrs[name]
	return v, ok
}

// SetAttr implements service.Host.
func (m *module) SetAttr(name, value string) { m.b.attrs[name] = value }

// Config implements service.Host.
func (m *module) Config() map[string]any { return m.b.w.opt.config }

// Log implements service.Host.
func (m *module) Log() *slog.Logger { return m.log }

// SetRunning implements service.Host.
func (m *module) SetRunning() {
	if m.running || m.gone {
		return
	}
	m.running = true
	if m.onReady != nil {
		ready := m.onReady
		m.onReady = nil
		ready(nil)
	}
}

// Fail implements service.Host.
func (m *module) Fail(err error) {
	if err == nil {
		err = syscall.EIO
	}
	m.failure = err
	m.stopping = true
}

// Shared implements service.Host.
func (m *module) Shared(key string) any { return m.b.shared(key) }

// load constructs the service, on its loop; done is told when it runs.
func (b *broker) load(reg *service.Registration, done func(error)) {
	if mod := b.groups[reg.Group]; reg.Group != "" && mod != nil {
		mod.Post(func() { done(mod.join(reg)) })
		return
	}
	m := &module{
		b: b, a: b.w.newActor(), reg: reg, name: reg.Name, uuid: b.w.newID(),
		methods: map[string]service.Method{}, extra: map[string]func(*service.Call){},
		pending: map[uint32]*pendingRequest{}, unmatched: map[string]func(*message.Message){},
		onReady: done,
		log:     b.log.With("svc", reg.Name),
	}
	m.takeTurn = m.turn
	b.modules = append(b.modules, m)
	b.router.Attach(m.uuid, m)
	if err := m.addNames(reg); err != nil {
		done(err)
		return
	}
	if reg.Group != "" {
		b.groups[reg.Group] = m
	}
	m.Post(func() {
		inst, err := reg.New(m, nil)
		if err != nil {
			m.Fail(err)
			return
		}
		m.inst = inst
		if s, ok := inst.(service.Starter); ok {
			s.Start()
		} else {
			m.SetRunning()
		}
	})
}

func (m *module) addNames(reg *service.Registration) error {
	for _, meth := range reg.Methods {
		m.methods[meth.Topic] = meth
	}
	m.names = append(m.names, reg.Name)
	for _, name := range append([]string{reg.Name}, reg.Aliases...) {
		if err := m.b.router.AddService(name, m.uuid); err != nil {
			return err
		}
	}
	return nil
}

// join adds a registration to the running instance of its group.
func (m *module) join(reg *service.Registration) error {
	if err := m.addNames(reg); err != nil {
		return err
	}
	if j, ok := m.inst.(service.Joiner); ok {
		return j.Join(reg.Name, nil)
	}
	return nil
}

// moduleService is the part of the broker's own module service that services
// use: a scheduler removes itself.
func (b *broker) moduleService() *service.Registration {
	return &service.Registration{
		Name: "module",
		Methods: []service.Method{
			service.Deferred("module.remove", service.Owner, func(_ struct{}, c *service.Call, req *rpc.ModuleRemove) {
				for _, m := range b.modules {
					if m.name == req.Name {
						m.stop(func() { c.Respond(nil) })
						return
					}
				}
				c.Fail(syscall.ENOENT)
			}),
		},
		New: func(service.Host, []string) (any, error) { return struct{}{}, nil },
	}
}
