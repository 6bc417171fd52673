// SPDX-License-Identifier: LGPL-3.0-or-later

package lifecycle

import (
	"syscall"
	"time"

	"goflux/idset"
	"goflux/internal/message"
)

// None is the value of a timeout that is off.
const None time.Duration = -1

// Config is what a machine is made with. Timeouts may be [None].
type Config struct {
	Rank, Size uint32
	// Quorum is how many brokers must be online before the instance runs.
	Quorum          int
	QuorumWarn      time.Duration
	ShutdownWarn    time.Duration
	ShutdownTimeout time.Duration
	CleanupTimeout  time.Duration
	UnloadTimeout   time.Duration
	// Recovery makes failures of rc1 harmless.
	Recovery bool
	// NoRestart, unless zero, is the exit code that says that starting again
	// would not help.
	NoRestart int
}

// Machine is a broker's state machine.
type Machine struct {
	cfg     Config
	state   State
	since   time.Time
	defined map[Phase]bool
	code    int

	parent     State
	parentSeen bool
	parentLost bool

	online   *idset.Set
	warned   bool
	reported time.Time // when arrivals were last told
	expedite bool      // a signal is ending the broker

	events []Post
	out    []Effect
}

// New returns a machine that waits for [Start].
func New(cfg Config) *Machine {
	return &Machine{cfg: cfg, defined: map[Phase]bool{}, online: idset.New()}
}

// Define says that a phase has commands.
func (m *Machine) Define(p Phase) { m.defined[p] = true }

// Defined tells whether a phase has commands.
func (m *Machine) Defined(p Phase) bool { return m.defined[p] }

// State is the present state, Since when it was entered.
func (m *Machine) State() State     { return m.state }
func (m *Machine) Since() time.Time { return m.since }

// ExitCode is what the broker should exit with.
func (m *Machine) ExitCode() int { return m.code }

// Step takes an input and returns what is to be done, in order.
func (m *Machine) Step(now time.Time, in Input) []Effect {
	m.out = nil
	m.take(now, in)
	for len(m.events) > 0 {
		e := m.events[0]
		m.events = m.events[1:]
		m.process(now, e)
	}
	return m.out
}

func (m *Machine) do(e ...Effect)    { m.out = append(m.out, e...) }
func (m *Machine) post(event string) { m.events = append(m.events, Post{Event: event}) }

func (m *Machine) take(now time.Time, in Input) {
	switch in := in.(type) {
	case Start:
		m.since = now
		m.do(Load{})
	case Post:
		m.events = append(m.events, in)
	case Parent:
		m.parent, m.parentSeen = in.State, true
		m.watchParent()
	case ParentLost:
		m.parentLost = true
		m.watchParent()
	case Online:
		m.arrived(now, in.Members)
	case Done:
		m.done(in)
	case Fired:
		m.fired(in.Timer)
	case Signal:
		m.signal()
	case Panic:
		m.panicked()
	}
}

func (m *Machine) process(now time.Time, e Post) {
	if e.Fail || e.Event == "builtins-fail" {
		m.fail()
	}
	to, ok := next[m.state][e.Event]
	if !ok {
		if m.state == Run && e.Event == "rc2-none" {
			return
		}
		m.do(Ignored{e.Event, m.state})
		return
	}
	m.do(Entered{From: m.state, To: to, Event: e.Event, After: now.Sub(m.since)})
	m.since = now
	m.state = to
	m.enter()
}

// fail makes the exit code one of an error, whatever happens later.
func (m *Machine) fail() {
	m.code = 1
	if m.cfg.NoRestart != 0 {
		m.code = m.cfg.NoRestart
	}
}

// enter does what a state is for.
func (m *Machine) enter() {
	switch m.state {
	case Join:
		if m.cfg.Rank == 0 {
			m.post("parent-none")
		}
		m.watchParent()
	case ConfigSync:
		if m.cfg.Rank == 0 {
			m.post("sync-none")
		}
	case Init:
		m.do(GoOnline{})
		m.run(RC1, "rc1-none")
	case Quorum:
		m.do(JoinOnline{})
		if m.cfg.Rank == 0 {
			m.set(QuorumWarn, m.cfg.QuorumWarn)
		}
		m.watchParent()
	case Run:
		m.do(StopTimer{QuorumWarn})
		if m.cfg.Rank == 0 {
			m.run(RC2, "rc2-none")
		}
		m.watchParent()
	case Cleanup:
		m.run(CleanupCmds, "cleanup-none")
		if m.expedite && m.defined[CleanupCmds] {
			m.set(CleanupTimeout, m.cfg.CleanupTimeout)
		}
	case Shutdown:
		m.set(ShutdownWarn, m.cfg.ShutdownWarn)
		if m.cfg.Rank == 0 {
			m.set(ShutdownTimeout, m.cfg.ShutdownTimeout)
		}
	case Finalize:
		m.do(StopTimer{ShutdownWarn}, StopTimer{ShutdownTimeout})
		m.run(RC3, "rc3-none")
	case Goodbye:
		m.set(GoodbyeTimeout, GoodbyeWait)
	case UnloadBuiltins:
		m.do(StopTimer{GoodbyeTimeout}, Unload{})
		m.set(UnloadTimeout, m.cfg.UnloadTimeout)
	case Exit:
		m.do(StopTimer{UnloadTimeout}, Stop{})
	}
}

// run starts a phase, or posts the event that says there is none.
func (m *Machine) run(p Phase, none string) {
	if !m.defined[p] {
		m.post(none)
		return
	}
	m.do(RunPhase{p})
}

func (m *Machine) set(t Timer, d time.Duration) {
	if d >= 0 {
		m.do(SetTimer{t, d})
	}
}

// watchParent draws conclusions from the parent's state, in the states that
// depend on it.
func (m *Machine) watchParent() {
	if m.cfg.Rank == 0 {
		return
	}
	var lost, ahead, ready string
	readyFrom := Quorum
	switch m.state {
	case Join:
		lost, ahead, ready = "parent-fail", "parent-fail", "parent-ready"
	case Quorum:
		lost, ahead, ready, readyFrom = "quorum-fail", "quorum-fail", "quorum-full", Run
	case Run:
		m.watchParentRunning()
		return
	default:
		return
	}
	switch {
	case m.parentLost:
		m.post(lost)
	case !m.parentSeen:
	case m.parent >= Cleanup:
		m.post(ahead)
	case m.parent >= readyFrom:
		m.post(ready)
	}
}

func (m *Machine) watchParentRunning() {
	switch {
	case m.parentLost, m.parentSeen && m.parent > Shutdown:
		m.post("parent-fail")
	case m.parentSeen && m.parent == Shutdown:
		m.post("shutdown")
	}
}

// arrivalsEvery is how often arrivals are told while a quorum is awaited.
const arrivalsEvery = 5 * time.Second

// arrived takes in the group of the brokers that are online.
func (m *Machine) arrived(now time.Time, members *idset.Set) {
	before := m.online
	m.online = members
	full := members.Len() >= m.cfg.Quorum
	if m.state == Quorum && !members.Empty() && (full || now.Sub(m.reported) > arrivalsEvery) {
		m.do(Arrived{members.Clone()})
		m.reported = now
	}
	if m.state == Quorum && full {
		m.post("quorum-full")
		if m.warned {
			m.do(QuorumReached{})
			m.warned = false
		}
	}
	if m.state == Run || m.state == Cleanup {
		if gone := before.Subtract(members); !gone.Empty() {
			m.do(Gone{gone})
		}
	}
}

// done takes in how a phase ended. The first failure is the exit code, except
// that rc1's tells systemd not to try again.
func (m *Machine) done(d Done) {
	if d.Code == 0 {
		m.post(string(d.Phase) + "-success")
		return
	}
	if d.Phase == RC1 {
		if m.cfg.Recovery {
			m.post("rc1-ignorefail")
			return
		}
		m.code = d.Code
		if m.cfg.NoRestart != 0 {
			m.code = m.cfg.NoRestart
		}
	} else if m.code == 0 {
		m.code = d.Code
	}
	m.post(string(d.Phase) + "-fail")
}

func (m *Machine) fired(t Timer) {
	switch {
	case t == QuorumWarn && m.state == Quorum:
		m.do(Slow{idset.FromRange(0, m.cfg.Size-1).Subtract(m.online)})
		m.warned = true
		m.set(QuorumWarn, m.cfg.QuorumWarn)
	case t == ShutdownWarn && m.state == Shutdown:
		m.do(SlowShutdown{})
		m.set(ShutdownWarn, m.cfg.ShutdownWarn)
	case t == ShutdownTimeout && m.state == Shutdown:
		m.do(TimedOut{t, m.cfg.ShutdownTimeout})
		m.post("children-complete")
	case t == CleanupTimeout && m.state == Cleanup:
		m.do(AbortPhase{CleanupCmds})
	case t == GoodbyeTimeout && m.state == Goodbye:
		m.do(TimedOut{t, GoodbyeWait})
		m.post("goodbye")
	case t == UnloadTimeout && m.state == UnloadBuiltins:
		m.do(TimedOut{t, m.cfg.UnloadTimeout})
		m.post("builtins-unload-fail")
	}
}

// signal hurries the broker to its end from wherever it is.
func (m *Machine) signal() {
	m.expedite = true
	switch m.state {
	case Join:
		m.post("parent-fail")
	case ConfigSync:
		m.post("sync-fail")
	case Init:
		m.abort(RC1)
	case Quorum:
		m.post("quorum-fail")
	case Run:
		m.endRun()
	case Cleanup:
		m.abort(CleanupCmds)
	case Finalize:
		m.abort(RC3)
	default:
		m.do(SignalIgnored{m.state})
	}
}

func (m *Machine) abort(p Phase) {
	if m.defined[p] {
		m.do(AbortPhase{p})
	}
}

func (m *Machine) endRun() {
	if m.defined[RC2] {
		m.do(AbortPhase{RC2})
		return
	}
	m.post("shutdown")
}

func (m *Machine) panicked() {
	m.fail()
	switch {
	case m.state == Init && m.defined[RC1]:
		m.abort(RC1)
	case m.state == Run && m.defined[RC2]:
		m.abort(RC2)
	default:
		m.post("panic")
	}
}

// RequestShutdown is a user's wish to end the instance. EINVAL, with the
// reason, where that cannot be.
func (m *Machine) RequestShutdown(now time.Time) ([]Effect, error) {
	if m.state != Run {
		return nil, message.Errorf(syscall.EINVAL, "shutdown cannot be initiated in state %s", m.state)
	}
	if m.cfg.Rank != 0 {
		return nil, message.Errorf(syscall.EINVAL, "shutdown may only be initiated on rank 0")
	}
	if m.cfg.NoRestart > 0 {
		m.code = m.cfg.NoRestart
	}
	m.out = nil
	m.endRun()
	for len(m.events) > 0 {
		e := m.events[0]
		m.events = m.events[1:]
		m.process(now, e)
	}
	return m.out, nil
}
