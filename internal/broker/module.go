// SPDX-License-Identifier: LGPL-3.0-or-later

package broker

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"goflux/internal/message"
	"goflux/internal/service"
	"goflux/internal/track"
)

// ModState is a module's state (RFC 5, Status Request).
type ModState int

// Module states (RFC 5).
const (
	ModInit ModState = iota
	ModRunning
	ModFinalizing
	ModExited
)

// World is what modules see of their broker besides messages.
type World interface {
	Rank() uint32
	Size() uint32
	Attr(name string) (string, bool)
	SetAttr(name, value string)
	Config() map[string]any
	Shared(key string) any
	Logger(svc string) *slog.Logger
	OwnerCred() message.Cred
}

// module is a loaded service: an endpoint with a loop of its own. It
// implements [service.Host] for its instance.
type module struct {
	World
	reg    *service.Registration
	name   string
	uuid   string
	router *Router
	box    *mailbox
	log    *slog.Logger
	track  track.Tracker // requests being served here
	traced *tracers
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
	exited chan struct{}

	// state is reported through onState, off the loop as well as on it.
	onState func(m *module, s ModState, err error)
	state   atomic.Int32
	lastRx  atomic.Int64 // unix nanoseconds of the last request, for idle time

	// The rest belongs to the loop.
	inst      any
	methods   map[string]service.Method
	extra     map[string]func(*service.Call) // services added by AddService
	pending   map[uint32]*pendingRequest
	contacted map[contact]struct{}              // see farewells
	unmatched map[string]func(*message.Message) // by topic, for matchtag 0
	matchtag  uint32
	subs      []*subscription
	stopping  bool
	failure   error
	counts    msgCounts
	debug     int
}

type pendingRequest struct {
	fn        func(*message.Message)
	streaming bool
	to        contact
}

type subscription struct {
	prefix string
	fn     func(*message.Message)
}

// msgCounts is the default answer to NAME.stats-get.
type msgCounts struct {
	Tx typeCounts `json:"tx"`
	Rx typeCounts `json:"rx"`
}

type typeCounts struct {
	Request  int `json:"request"`
	Response int `json:"response"`
	Event    int `json:"event"`
	Control  int `json:"control"`
}

func (c *typeCounts) add(t message.Type) {
	switch t {
	case message.TypeRequest:
		c.Request++
	case message.TypeResponse:
		c.Response++
	case message.TypeEvent:
		c.Event++
	case message.TypeControl:
		c.Control++
	}
}

func newModule(w World, r *Router, reg *service.Registration, name, uuid string) *module {
	m := &module{
		World: w, reg: reg, name: name, uuid: uuid, router: r,
		box:       newMailbox(),
		log:       w.Logger(cmp.Or(reg.LogAs, name)),
		exited:    make(chan struct{}),
		methods:   map[string]service.Method{},
		extra:     map[string]func(*service.Call){},
		pending:   map[uint32]*pendingRequest{},
		contacted: map[contact]struct{}{},
		unmatched: map[string]func(*message.Message){},
		onState:   func(*module, ModState, error) {},
		traced:    &tracers{},
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.addMethods(reg, name)
	m.lastRx.Store(time.Now().UnixNano())
	return m
}

// addMethods adds a registration's methods; a module loaded under another name
// serves its own topics under that name.
func (m *module) addMethods(reg *service.Registration, name string) {
	for _, meth := range reg.Methods {
		topic := meth.Topic
		if name != reg.Name && len(topic) > len(reg.Name) && topic[:len(reg.Name)+1] == reg.Name+"." {
			topic = name + topic[len(reg.Name):]
		}
		m.methods[topic] = meth
	}
}

// start runs the loop: constructor first.
func (m *module) start(args []string) { go m.run(args) }

func (m *module) run(args []string) {
	defer close(m.exited)
	defer m.crashed()
	m.Subscribe(m.name+".stats-clear", func(*message.Message) { m.zeroStats() })
	inst, err := m.reg.New(m, args)
	if err != nil {
		m.Log().Error(err.Error())
		m.Fail(err)
	} else {
		m.inst = inst
		if s, ok := inst.(service.Starter); ok {
			s.Start()
		} else {
			m.SetRunning()
		}
	}
	m.loop()
	m.finish()
}

// loop handles items until the module stops.
func (m *module) loop() {
	batcher, _ := m.inst.(service.Batcher)
	var spare []item
	for !m.stopping {
		items := m.box.take(spare)
		if len(items) == 0 {
			spare = items
			<-m.box.wake
			continue
		}
		for i := range items {
			if m.stopping {
				m.refuse(items[i].msg)
				continue
			}
			m.handle(items[i])
			items[i] = item{}
		}
		if batcher != nil && !m.stopping {
			batcher.EndBatch()
		}
		spare = items
		if cap(spare) > mailboxHighWater { // do not keep a burst's memory
			spare = nil
		}
	}
}

// crashed turns a panic of the service into the end of the module.
func (m *module) crashed() {
	p := recover()
	if p == nil {
		return
	}
	m.log.Error("module panic", "err", fmt.Sprint(p), "stack", string(debug.Stack()))
	m.failure = message.Errorf(syscall.ENOTRECOVERABLE, "module %s panicked: %v", m.name, p)
	m.inst = nil
	m.finish()
}

// finish releases everything: requests waiting here are answered ENOSYS.
func (m *module) finish() {
	m.state.Store(int32(ModFinalizing))
	m.router.Detach(m.uuid)
	if s, ok := m.inst.(service.Stopper); ok {
		s.Stop()
	}
	m.cancel()
	for _, it := range m.box.close() {
		if it.msg != nil {
			m.refuse(it.msg)
		}
	}
	for _, req := range m.track.Drain() {
		m.router.respond(req.ErrorResponse(syscall.ENOSYS))
	}
	farewell(m.router, m.uuid, m.OwnerCred(), m.farewells())
	m.work.Wait()
	m.state.Store(int32(ModExited))
	m.onState(m, ModExited, m.failure)
}

// farewells are the services to be told that the module has gone: those on this
// broker, upstream or on the leader that have served it, since they may remember
// it, and those of certain other brokers that have not answered it yet.
func (m *module) farewells() map[contact]struct{} {
	for _, p := range m.pending {
		m.contacted[p.to] = struct{}{}
	}
	return m.contacted
}

func (m *module) refuse(msg *message.Message) {
	if msg != nil && msg.Type == message.TypeRequest {
		m.track.Forget(msg)
		m.router.refuse(msg, syscall.ENOSYS)
	}
}

// Deliver implements [Endpoint].
func (m *module) Deliver(msg *message.Message) {
	if msg.Type == message.TypeRequest {
		m.track.Request(msg)
		m.lastRx.Store(time.Now().UnixNano())
	}
	m.traced.note("rx", m.name, msg)
	if !m.box.put(item{msg: msg}) && msg.Type == message.TypeRequest {
		m.refuse(msg)
	}
}

// WaitRoom implements [Throttled].
func (m *module) WaitRoom() { m.box.waitRoom() }

func (m *module) handle(it item) {
	if it.fn != nil {
		it.fn()
		return
	}
	m.counts.Rx.add(it.msg.Type)
	switch it.msg.Type {
	case message.TypeRequest:
		m.serve(it.msg)
	case message.TypeResponse:
		m.answered(it.msg)
	case message.TypeEvent:
		for _, s := range m.subs {
			if len(it.msg.Topic) >= len(s.prefix) && it.msg.Topic[:len(s.prefix)] == s.prefix {
				s.fn(it.msg)
			}
		}
	}
}

// serve dispatches a request to its method.
func (m *module) serve(msg *message.Message) {
	c := service.NewCall(msg, func(r *message.Message) {
		m.counts.Tx.add(message.TypeResponse)
		m.traced.note("tx", m.name, r)
		m.track.Response(r)
		m.router.Send(r)
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
	if m.common(c) {
		return
	}
	if m.reg.Relay {
		m.track.Forget(msg) // the answer goes past here
		m.router.Upstream(msg)
		return
	}
	c.Fail(message.Errorf(syscall.ENOSYS, "Unknown service method %s", msg.Topic))
}

// answered hands a response to whoever waits for it.
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

// stop ends the loop, asking an instance that needs its loop to finish first.
func (m *module) stop() {
	m.Post(func() {
		if s, ok := m.inst.(service.AsyncStopper); ok {
			m.state.Store(int32(ModFinalizing))
			s.StopAsync(func() { m.stopping = true })
			return
		}
		m.stopping = true
	})
}

func (m *module) State() ModState { return ModState(m.state.Load()) }
