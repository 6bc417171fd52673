// SPDX-License-Identifier: LGPL-3.0-or-later

package lifecycle

import (
	"time"

	"goflux/idset"
)

// Input is what happens to a broker.
type Input interface{ input() }

type (
	// Start is the first input.
	Start struct{}
	// Post is an event by name; Fail makes the broker exit with an error.
	Post struct {
		Event string
		Fail  bool
	}
	// Parent tells the parent's state.
	Parent struct{ State State }
	// ParentLost says that the parent no longer tells its state.
	ParentLost struct{}
	// Online are the members of the group broker.online (leader only).
	Online struct{ Members *idset.Set }
	// Done says that the commands of a phase have ended.
	Done struct {
		Phase Phase
		Code  int
	}
	// Fired is a timer set by [SetTimer].
	Fired struct{ Timer Timer }
	// Signal is a signal that ends programs.
	Signal struct{}
	// Panic says that a module has failed.
	Panic struct{}
)

func (Start) input()      {}
func (Post) input()       {}
func (Parent) input()     {}
func (ParentLost) input() {}
func (Online) input()     {}
func (Done) input()       {}
func (Fired) input()      {}
func (Signal) input()     {}
func (Panic) input()      {}

// Phase is a list of commands that a state runs.
type Phase string

// The phases.
const (
	RC1         Phase = "rc1"
	RC2         Phase = "rc2" // the initial program
	CleanupCmds Phase = "cleanup"
	RC3         Phase = "rc3"
)

// Timer is one of the machine's timers.
type Timer string

// The timers.
const (
	QuorumWarn      Timer = "quorum-warn"
	ShutdownWarn    Timer = "shutdown-warn"
	ShutdownTimeout Timer = "shutdown-timeout"
	CleanupTimeout  Timer = "cleanup-timeout"
	GoodbyeTimeout  Timer = "goodbye-timeout"
	UnloadTimeout   Timer = "unload-timeout"
)

// GoodbyeWait bounds the wait for the parent's answer to a goodbye.
const GoodbyeWait = time.Minute

// Effect is what the machine wants done.
type Effect interface{ effect() }

type (
	// Entered says that a state was entered because of an event, the last one
	// having lasted After.
	Entered struct {
		From, To State
		Event    string
		After    time.Duration
	}
	// Ignored says that an event has no meaning in the state.
	Ignored struct {
		Event string
		State State
	}
	// Load and Unload are about the built-in modules.
	Load   struct{}
	Unload struct{}
	// GoOnline lets clients' requests in.
	GoOnline struct{}
	// RunPhase starts a phase's commands, AbortPhase hangs up on them.
	RunPhase   struct{ Phase Phase }
	AbortPhase struct{ Phase Phase }
	// JoinOnline joins the group broker.online; on the leader, also watch it.
	JoinOnline struct{}
	SetTimer   struct {
		Timer Timer
		After time.Duration
	}
	StopTimer struct{ Timer Timer }
	// Slow says that the quorum is late by these ranks, SlowShutdown that
	// children are slow to leave.
	Slow         struct{ Ranks *idset.Set }
	SlowShutdown struct{}
	// Arrived tells who is online while a quorum is awaited.
	Arrived struct{ Ranks *idset.Set }
	// QuorumReached follows a Slow.
	QuorumReached struct{}
	// Gone are ranks that left a running instance.
	Gone struct{ Ranks *idset.Set }
	// TimedOut says that a state was ended by its timer.
	TimedOut struct {
		Timer Timer
		After time.Duration
	}
	// SignalIgnored says that a signal has no meaning in the state.
	SignalIgnored struct{ State State }
	// Stop ends the broker.
	Stop struct{}
)

func (Entered) effect()       {}
func (Ignored) effect()       {}
func (Load) effect()          {}
func (Unload) effect()        {}
func (GoOnline) effect()      {}
func (RunPhase) effect()      {}
func (AbortPhase) effect()    {}
func (JoinOnline) effect()    {}
func (SetTimer) effect()      {}
func (StopTimer) effect()     {}
func (Slow) effect()          {}
func (SlowShutdown) effect()  {}
func (Arrived) effect()       {}
func (QuorumReached) effect() {}
func (Gone) effect()          {}
func (TimedOut) effect()      {}
func (SignalIgnored) effect() {}
func (Stop) effect()          {}
