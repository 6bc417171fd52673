// SPDX-License-Identifier: LGPL-3.0-or-later

package lifecycle

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"goflux/idset"
)

var base = time.Unix(1000, 0)

// walk feeds inputs and returns the transitions, one a line.
func walk(m *Machine, inputs ...Input) string {
	var b strings.Builder
	for i, in := range inputs {
		for _, e := range m.Step(base.Add(time.Duration(i)*time.Second), in) {
			switch e := e.(type) {
			case Entered:
				fmt.Fprintf(&b, "%s: %s->%s\n", e.Event, e.From, e.To)
			case RunPhase:
				fmt.Fprintf(&b, "  run %s\n", e.Phase)
			case AbortPhase:
				fmt.Fprintf(&b, "  abort %s\n", e.Phase)
			case Slow:
				fmt.Fprintf(&b, "  slow %s\n", e.Ranks)
			case Gone:
				fmt.Fprintf(&b, "  gone %s\n", e.Ranks)
			case QuorumReached:
				fmt.Fprintf(&b, "  reached\n")
			case Ignored:
				fmt.Fprintf(&b, "  ignored %s in %s\n", e.Event, e.State)
			case Stop:
				fmt.Fprintf(&b, "  stop %d\n", m.ExitCode())
			}
		}
	}
	return b.String()
}

func config(rank, size uint32) Config {
	return Config{
		Rank: rank, Size: size, Quorum: int(size),
		QuorumWarn: time.Minute, ShutdownWarn: time.Minute, ShutdownTimeout: None,
		CleanupTimeout: None, UnloadTimeout: time.Minute,
	}
}

func check(t *testing.T, got, want string) {
	t.Helper()
	if got != strings.TrimPrefix(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestLeaderAlone(t *testing.T) {
	m := New(config(0, 1))
	m.Define(RC1)
	m.Define(RC2)
	check(t, walk(m,
		Start{}, Post{Event: "builtins-success"}, Done{RC1, 0},
		Online{idset.New(0)}, Done{RC2, 3},
		Post{Event: "children-none"}, Post{Event: "goodbye"}, Post{Event: "builtins-done"}), `
builtins-success: load-builtins->join
parent-none: join->config-sync
sync-none: config-sync->init
  run rc1
rc1-success: init->quorum
quorum-full: quorum->run
  run rc2
rc2-fail: run->cleanup
cleanup-none: cleanup->shutdown
children-none: shutdown->finalize
rc3-none: finalize->goodbye
goodbye: goodbye->unload-builtins
builtins-done: unload-builtins->exit
  stop 3
`)
}

func TestFollower(t *testing.T) {
	m := New(config(1, 2))
	check(t, walk(m,
		Start{}, Post{Event: "builtins-success"}, Parent{Init}, Parent{Quorum},
		Post{Event: "sync-success"}, Parent{Run}, Parent{Cleanup}, Parent{Shutdown},
		Post{Event: "children-none"}), `
builtins-success: load-builtins->join
parent-ready: join->config-sync
sync-success: config-sync->init
rc1-none: init->quorum
quorum-full: quorum->run
shutdown: run->cleanup
cleanup-none: cleanup->shutdown
children-none: shutdown->finalize
rc3-none: finalize->goodbye
`)
	if m.ExitCode() != 0 {
		t.Errorf("exit code %d", m.ExitCode())
	}
}

// A follower that joins late finds its parent running and follows at once.
func TestLateFollower(t *testing.T) {
	m := New(config(1, 2))
	check(t, walk(m, Start{}, Parent{Run}, Post{Event: "builtins-success"}, Post{Event: "sync-success"}), `
builtins-success: load-builtins->join
parent-ready: join->config-sync
sync-success: config-sync->init
rc1-none: init->quorum
quorum-full: quorum->run
`)
}

func TestParentLost(t *testing.T) {
	m := New(config(1, 2))
	walk(m, Start{}, Parent{Run}, Post{Event: "builtins-success"}, Post{Event: "sync-success"})
	check(t, walk(m, Post{Event: "parent-fail", Fail: true}), `
parent-fail: run->cleanup
cleanup-none: cleanup->shutdown
`)
	if m.ExitCode() != 1 {
		t.Errorf("exit code %d", m.ExitCode())
	}
}

func TestQuorum(t *testing.T) {
	cfg := config(0, 4)
	cfg.Quorum = 3
	m := New(cfg)
	walk(m, Start{}, Post{Event: "builtins-success"})
	check(t, walk(m,
		Online{idset.New(0)}, Fired{QuorumWarn}, Online{idset.New(0, 1)}, Online{idset.New(0, 1, 3)},
		Online{idset.New(0, 3)}), `
  slow 1-3
  reached
quorum-full: quorum->run
  gone 1
`)
}

func TestSignals(t *testing.T) {
	cfg := config(0, 1)
	cfg.CleanupTimeout = time.Second
	m := New(cfg)
	m.Define(RC2)
	m.Define(CleanupCmds)
	walk(m, Start{}, Post{Event: "builtins-success"}, Online{idset.New(0)})
	check(t, walk(m, Signal{}, Done{RC2, 129}, Fired{CleanupTimeout}, Done{CleanupCmds, 1}), `
  abort rc2
rc2-fail: run->cleanup
  run cleanup
  abort cleanup
cleanup-fail: cleanup->shutdown
`)
	if m.ExitCode() != 129 {
		t.Errorf("exit code %d", m.ExitCode())
	}
}

func TestRC1Fails(t *testing.T) {
	cfg := config(0, 1)
	cfg.NoRestart = 99
	m := New(cfg)
	m.Define(RC1)
	check(t, walk(m, Start{}, Post{Event: "builtins-success"}, Done{RC1, 1}), `
builtins-success: load-builtins->join
parent-none: join->config-sync
sync-none: config-sync->init
  run rc1
rc1-fail: init->shutdown
`)
	if m.ExitCode() != 99 {
		t.Errorf("exit code %d", m.ExitCode())
	}
	if _, err := m.RequestShutdown(base); err == nil {
		t.Error("a shutdown was accepted in shutdown")
	}
}

// Whatever happens, states are walked in one direction, and Exit is the end.
func TestMonotonic(t *testing.T) {
	var events []string
	for _, m := range next {
		for e := range m {
			events = append(events, e)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		m := New(config(uint32(rapid.IntRange(0, 1).Draw(t, "rank")), 2))
		m.Step(base, Start{})
		for range rapid.IntRange(0, 60).Draw(t, "n") {
			var in Input
			switch rapid.IntRange(0, 6).Draw(t, "kind") {
			case 0:
				in = Parent{State(rapid.IntRange(0, 11).Draw(t, "parent"))}
			case 1:
				in = ParentLost{}
			case 2:
				in = Online{idset.New(0, 1)}
			case 3:
				in = Signal{}
			case 4:
				in = Panic{}
			default:
				in = Post{Event: rapid.SampledFrom(events).Draw(t, "event")}
			}
			before := m.State()
			m.Step(base, in)
			if m.State() < before {
				t.Fatalf("%v took %s back to %s", in, before, m.State())
			}
		}
	})
}
