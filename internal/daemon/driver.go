// SPDX-License-Identifier: LGPL-3.0-or-later

package daemon

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"syscall"
	"time"

	"goflux/fsd"
	"goflux/hostlist"
	"goflux/idset"
	"goflux/internal/broker"
	"goflux/internal/core/lifecycle"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/upstream"
)

// driver does what the state machine wants done. It is the instance of the
// internal service behind state-machine, shutdown and runat, whose loop it
// belongs to.
type driver struct {
	d       *daemon
	b       *broker.Broker
	h       service.Host
	m       *lifecycle.Machine
	state   lifecycle.State // as far as its effects have been carried out
	log     *slog.Logger
	phases  map[lifecycle.Phase]*phase
	timers  map[lifecycle.Timer]service.Timer
	stopped chan struct{}
	sd      systemd

	monitors service.Streams[lifecycle.State] // with the final state
	waiters  service.Streams[struct{}]
	shutdown shutdownClient
	// jobsGoOn says that the end of the broker is not that of its jobs.
	jobsGoOn bool
}

// newDriver makes the state machine from the attributes and starts its loop.
func newDriver(d *daemon, commands map[lifecycle.Phase][]*command) (*driver, error) {
	cfg, err := d.lifeConfig()
	if err != nil {
		return nil, err
	}
	l := &driver{
		d: d, b: d.broker, m: lifecycle.New(cfg), log: d.broker.Logger("broker"),
		phases: map[lifecycle.Phase]*phase{}, timers: map[lifecycle.Timer]service.Timer{},
		stopped: make(chan struct{}),
	}
	for name, list := range commands {
		l.phases[name] = &phase{name: name, commands: list}
		l.m.Define(name)
	}
	l.useInside()
	if l.sd, err = newSystemd(d.attrs); err != nil {
		return nil, err
	}
	ready := make(chan struct{})
	d.broker.StartInternal(&service.Registration{
		Name: "state-machine", Aliases: []string{"shutdown", "runat"}, Builtin: true, Methods: methods,
		New: func(h service.Host, _ []string) (any, error) {
			l.h = h
			close(ready)
			return l, nil
		},
	})
	<-ready
	d.broker.OnModuleFailure = func(name string, _ error) { l.h.Post(func() { l.moduleFailed(name) }) }
	return l, nil
}

// lifeConfig reads the attributes that govern the state machine and sets those
// that are unset.
func (d *daemon) lifeConfig() (lifecycle.Config, error) {
	c := lifecycle.Config{Rank: d.boot.Rank, Size: d.boot.Size, Quorum: int(d.boot.Size)}
	for name, field := range map[string]struct {
		value *time.Duration
		def   string
	}{
		"broker.quorum-warn":             {&c.QuorumWarn, "1m"},
		"broker.shutdown-warn":           {&c.ShutdownWarn, "1m"},
		"broker.shutdown-timeout":        {&c.ShutdownTimeout, "none"},
		"broker.cleanup-timeout":         {&c.CleanupTimeout, "none"},
		"broker.sd-stop-timeout":         {new(time.Duration), "none"},
		"broker.unload-builtins-timeout": {&c.UnloadTimeout, "1m"},
	} {
		d.attrs.Default(name, field.def)
		text, _ := d.attrs.Get(name)
		var err error
		if *field.value, err = parseTimeout(text); err != nil {
			return c, message.Errorf(syscall.EINVAL, "Error parsing %s attribute", name)
		}
	}
	if err := d.quorum(&c); err != nil {
		return c, err
	}
	_, c.Recovery = d.attrs.Get("broker.recovery-mode")
	if v, ok := d.attrs.Get("broker.exit-norestart"); ok {
		if n, err := strconv.Atoi(v); err == nil && n >= 1 {
			c.NoRestart = n
		}
	}
	return c, nil
}

func parseTimeout(text string) (time.Duration, error) {
	if text == "none" {
		return lifecycle.None, nil
	}
	return fsd.Parse(text)
}

// quorum reads broker.quorum, a number of brokers. Older configurations have a
// set of ranks; those that stand for one or for all are understood.
func (d *daemon) quorum(c *lifecycle.Config) error {
	size := strconv.FormatUint(uint64(d.boot.Size), 10)
	d.attrs.Default("broker.quorum", size)
	text, _ := d.attrs.Get("broker.quorum")
	switch text {
	case "0":
		c.Quorum = 1
	case "0-" + strconv.FormatUint(uint64(d.boot.Size)-1, 10):
		c.Quorum = int(d.boot.Size)
	default:
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil || n < 1 || n > uint64(d.boot.Size) {
			return message.Errorf(syscall.EINVAL, "Error parsing broker.quorum attribute")
		}
		c.Quorum = int(n)
		return nil
	}
	if d.boot.Rank == 0 {
		d.broker.Logger("broker").Error(fmt.Sprintf("warning: broker.quorum is now a size - assuming %d", c.Quorum))
	}
	return nil
}

// start sets the machine going.
func (l *driver) start() {
	l.h.Post(func() {
		l.step(lifecycle.Start{})
		l.announce()
	})
}

func (l *driver) step(in lifecycle.Input) { l.perform(l.m.Step(l.h.Now(), in)) }

func (l *driver) perform(effects []lifecycle.Effect) {
	for _, e := range effects {
		l.do(e)
	}
}

func (l *driver) do(e lifecycle.Effect) {
	switch e := e.(type) {
	case lifecycle.Entered:
		l.log.Info(fmt.Sprintf("%s: %s->%s %s", e.Event, e.From, e.To, fsd.FormatDuration(e.After)))
		l.entered(e.To)
	case lifecycle.Ignored:
		l.log.Debug(fmt.Sprintf("%s: ignored in %s", e.Event, e.State))
	case lifecycle.SignalIgnored:
		l.log.Info(fmt.Sprintf("ignored signal in %s", e.State))
	case lifecycle.Load:
		l.loadBuiltins(l.b.Builtins())
	case lifecycle.Unload:
		names := l.b.Builtins()
		slices.Reverse(names)
		l.unloadBuiltins(names)
	case lifecycle.GoOnline:
		l.b.Online()
	case lifecycle.RunPhase:
		l.beforePhase(e.Phase)
		l.runPhase(e.Phase)
	case lifecycle.AbortPhase:
		l.abortPhase(e.Phase)
	case lifecycle.JoinOnline:
		l.joinOnline()
	case lifecycle.SetTimer:
		l.setTimer(e.Timer, e.After)
	case lifecycle.StopTimer:
		l.stopTimer(e.Timer)
	case lifecycle.Stop:
		l.sd.notify("STATUS=Exiting")
		close(l.stopped)
	default:
		l.tell(e)
	}
}

// tell logs the effects that are news.
func (l *driver) tell(e lifecycle.Effect) {
	switch e := e.(type) {
	case lifecycle.Slow:
		l.log.Error(fmt.Sprintf("quorum delayed: waiting for %s (rank %s)", l.hosts(e.Ranks), e.Ranks))
	case lifecycle.Arrived:
		l.log.Info(fmt.Sprintf("online: %s (ranks %s)", l.hosts(e.Ranks), e.Ranks))
	case lifecycle.QuorumReached:
		l.log.Error("quorum reached")
	case lifecycle.Gone:
		l.log.Error(fmt.Sprintf("dead to Flux: %s (rank %s)", l.hosts(e.Ranks), e.Ranks))
	case lifecycle.SlowShutdown:
		l.tellSlowShutdown()
	case lifecycle.TimedOut:
		switch e.Timer {
		case lifecycle.ShutdownTimeout:
			l.log.Error("shutdown timeout")
		case lifecycle.GoodbyeTimeout:
			l.log.Error(fmt.Sprintf("goodbye timeout after %.1fs", e.After.Seconds()))
		case lifecycle.UnloadTimeout:
			l.log.Error(fmt.Sprintf("unloading built-in broker module timed out after %.1fs: %s", e.After.Seconds(), l.moduleNames()))
		}
	}
}

func (l *driver) setTimer(t lifecycle.Timer, after time.Duration) {
	l.stopTimer(t)
	l.timers[t] = l.h.After(after, func() { l.step(lifecycle.Fired{Timer: t}) })
}

func (l *driver) stopTimer(t lifecycle.Timer) {
	if timer := l.timers[t]; timer != nil {
		timer.Stop()
	}
}

// hosts names ranks.
func (l *driver) hosts(ranks *idset.Set) string {
	text, _ := l.h.Attr("hostlist")
	all, err := hostlist.Parse(text)
	if err != nil {
		return "?"
	}
	some, err := all.Subset(ranks)
	if err != nil {
		return "?"
	}
	return some.String()
}

func (l *driver) moduleNames() string {
	text := ""
	for i, m := range l.b.Modules().List() {
		if i > 0 {
			text += " "
		}
		text += m.Name
	}
	return text
}

// watchParent follows the parent's state as far as it matters here.
func (l *driver) watchParent() {
	final := int(lifecycle.Shutdown)
	upstream.Stream(l.h, "state-machine.monitor", rpc.StateMonitor{Final: &final}, func(m *message.Message) {
		var s rpc.StateNumber
		switch err := m.Err(); {
		case err == nil && m.Decode(&s) == nil:
			l.step(lifecycle.Parent{State: lifecycle.State(s.State)})
		case err != nil && message.Errno(err) != syscall.ENODATA:
			l.step(lifecycle.ParentLost{})
		}
	})
}

// joinOnline makes this broker count, and the leader count.
func (l *driver) joinOnline() {
	name := rpc.GroupName{Name: "broker.online"}
	failed := func(m *message.Message) bool {
		if m.Err() != nil && message.Errno(m.Err()) != syscall.ENODATA {
			l.log.Error("broker.online", "topic", m.Topic, "err", m.Err())
			l.step(lifecycle.Post{Event: "quorum-fail"})
			return true
		}
		return false
	}
	l.h.Request(service.Request{Topic: "groups.join", NodeID: message.NodeAny, Payload: name}, func(m *message.Message) { failed(m) })
	if l.h.Rank() != 0 {
		return
	}
	watch := service.Request{Topic: "groups.get", NodeID: message.NodeAny, Payload: name, Flags: message.FlagStreaming}
	l.h.Request(watch, func(m *message.Message) {
		if l.m.State() > lifecycle.Run || failed(m) {
			return
		}
		var g rpc.GroupMembers
		if m.Decode(&g) != nil {
			return
		}
		if members, err := idset.Parse(g.Members); err == nil {
			l.step(lifecycle.Online{Members: members})
		}
	})
}

// tellSlowShutdown asks the overlay who is still there.
func (l *driver) tellSlowShutdown() {
	l.h.Request(service.Request{Topic: "overlay.health", NodeID: message.NodeAny}, func(m *message.Message) {
		var health rpc.OverlayHealth
		if m.Err() != nil || m.Decode(&health) != nil || l.m.State() != lifecycle.Shutdown {
			return
		}
		ranks := idset.New()
		for _, c := range health.Children {
			if c.Status != "offline" && c.Status != "lost" {
				ranks.Add(c.Rank)
			}
		}
		l.log.Error(fmt.Sprintf("shutdown delayed: waiting for %d peers: %s (rank %s)", ranks.Len(), l.hosts(ranks), ranks))
	})
}
