// SPDX-License-Identifier: LGPL-3.0-or-later

package cron_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"goflux/idset"
	"goflux/internal/core/cron"
)

func itoa(n int) string { return strconv.Itoa(n) }

func expand(set string) string { return idset.MustParse(set).Expand() }

var start = time.Date(2016, 6, 1, 12, 0, 0, 0, time.UTC)

// bench is a machine and a clock.
type bench struct {
	t   *testing.T
	m   *cron.Machine
	now time.Time
}

func newBench(t *testing.T) *bench { return &bench{t: t, m: cron.New(), now: start} }

func (b *bench) create(s cron.Spec) *cron.Entry {
	b.t.Helper()
	if s.Command == "" {
		s.Command = "date"
	}
	e, err := b.m.Create(b.now, s)
	if err != nil {
		b.t.Fatal(err)
	}
	return e
}

// pass lets time go by, clock by clock.
func (b *bench) pass(d time.Duration) {
	end := b.now.Add(d)
	for {
		next, ok := b.m.NextWake()
		if !ok || next.After(end) {
			break
		}
		b.now = next
		b.m.Tick(b.now)
	}
	b.now = end
}

func (b *bench) event(topic string) {
	for pattern := range b.m.Topics() {
		b.m.Event(b.now, pattern, topic)
	}
}

// want compares what is to be done: "run 1", "kill 1 15", "info TEXT".
func (b *bench) want(want ...string) {
	b.t.Helper()
	var got []string
	for _, e := range b.m.Effects() {
		switch e := e.(type) {
		case cron.Run:
			got = append(got, fmt.Sprint("run ", e.Entry.ID))
		case cron.Kill:
			got = append(got, fmt.Sprintf("kill %d %d", e.Pid, int(e.Signal)))
		case cron.Note:
			got = append(got, [...]string{"debug", "info", "error"}[e.Level]+" "+e.Text)
		}
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		b.t.Errorf("got:\n%s\nwant:\n%s", g, w)
	}
}

// finish has an entry's task run and end with a status.
func (b *bench) finish(e *cron.Entry, code int) {
	b.m.Running(b.now, e, 100+int(e.ID))
	b.m.Ended(b.now, e, syscall.WaitStatus(code<<8))
}

func TestInterval(t *testing.T) {
	b := newBench(t)
	e := b.create(cron.Spec{Trigger: cron.Interval{Every: time.Second, After: 5 * time.Second}, Repeat: 2, History: 1})
	b.pass(4 * time.Second)
	b.want()
	b.pass(time.Second)
	b.want("run 1")
	b.pass(time.Second)
	b.want("info cron-1: : task still running or scheduled")
	b.finish(e, 0)
	b.pass(time.Second)
	b.want("run 1")
	if !e.Stopped || e.Stats.Count != 2 {
		t.Errorf("after both runs: stopped %t, count %d", e.Stopped, e.Stats.Count)
	}
	b.finish(e, 0)
	b.pass(time.Minute)
	b.want()
	if err := b.m.Start(b.now, e); err != nil || e.Stats.Count != 0 || e.Stats.Total != 2 {
		t.Errorf("started again: %v, %+v", err, e.Stats)
	}
	b.pass(5 * time.Second)
	b.want("run 1")
}

// TestMissedTicks: a clock that was late, or set ahead, triggers once.
func TestMissedTicks(t *testing.T) {
	b := newBench(t)
	e := b.create(cron.Spec{Trigger: cron.Interval{Every: time.Second, After: time.Second}})
	b.now = b.now.Add(time.Hour)
	b.m.Tick(b.now)
	b.want("run 1")
	b.finish(e, 0)
	if e.Wake.Sub(b.now) != time.Second {
		t.Errorf("next after %s", e.Wake.Sub(b.now))
	}
}

func TestEvents(t *testing.T) {
	b := newBench(t)
	e := b.create(cron.Spec{Trigger: cron.Event{Topic: "a.b", Nth: 2, After: 3}})
	for i, want := range []bool{false, false, true, false, true, false} {
		b.event("a.b")
		b.event("a.bc")
		if want {
			b.want("run 1")
			b.finish(e, 0)
		} else {
			b.want()
		}
		if e.Counter != i+1 {
			t.Fatalf("counter %d after %d events", e.Counter, i+1)
		}
	}
	if err := b.m.Stop(e); err != nil || len(b.m.Topics()) != 0 {
		t.Errorf("stopped: %v, topics %v", err, b.m.Topics())
	}
	b.create(cron.Spec{Trigger: cron.Event{Topic: "x.*"}})
	b.event("x.y")
	b.want("run 2")
	if got := cron.LiteralPrefix("x.*"); got != "x." {
		t.Errorf("prefix %q", got)
	}
}

func TestMinInterval(t *testing.T) {
	b := newBench(t)
	e := b.create(cron.Spec{Trigger: cron.Event{Topic: "a", MinInterval: time.Minute}})
	b.event("a")
	b.want("run 1")
	b.finish(e, 0)
	b.pass(20 * time.Second)
	b.event("a")
	b.event("a")
	b.want("debug cron-1: delaying 40.000s due to min interval")
	b.pass(39 * time.Second)
	b.want()
	b.pass(time.Second)
	b.want("run 1")
	b.finish(e, 0)
	b.pass(time.Hour)
	b.want()
}

func TestSync(t *testing.T) {
	b := newBench(t)
	b.m.SetSync(b.now, "pulse")
	b.m.SetEpsilon(time.Second)
	b.want("info synchronizing cron tasks to event pulse")
	one := b.create(cron.Spec{Trigger: cron.Event{Topic: "a"}})
	two := b.create(cron.Spec{Trigger: cron.Event{Topic: "a"}})
	gone := b.create(cron.Spec{Trigger: cron.Event{Topic: "a"}})
	b.event("a")
	b.want("debug deferring cron-1 to next pulse event", "debug deferring cron-2 to next pulse event",
		"debug deferring cron-3 to next pulse event")
	b.m.Delete(gone, false)
	b.event("pulse")
	b.want("run 1", "run 2")
	b.finish(one, 0)
	b.event("a")
	b.want("run 1", "info cron-2: : task still running or scheduled")
	b.finish(one, 0)
	b.finish(two, 0)
	b.pass(time.Second)
	b.event("a")
	b.want("debug deferring cron-1 to next pulse event", "debug deferring cron-2 to next pulse event")
	b.m.SetSync(b.now, "")
	b.want("run 1", "run 2")
}

func TestFailures(t *testing.T) {
	b := newBench(t)
	e := b.create(cron.Spec{Trigger: cron.Event{Topic: "a"}, StopOnFailure: 2, History: 2})
	b.event("a")
	b.finish(e, 3)
	b.want("run 1", `error cron-1: "date": Failed: Exit 3`)
	b.event("a")
	b.m.LaunchFailed(b.now, e, syscall.EHOSTUNREACH)
	b.want("run 1", "error cron-1: failure running date: no route to host",
		"error cron-1: exceeded failure limit of 2. stopping")
	if !e.Stopped || e.Stats.Failure != 2 || len(e.Past) != 2 || e.Past[0].Errno != syscall.EHOSTUNREACH {
		t.Errorf("%+v", e)
	}
}

func TestTimeout(t *testing.T) {
	b := newBench(t)
	e := b.create(cron.Spec{Trigger: cron.Event{Topic: "a"}, Timeout: time.Second, History: 1})
	b.event("a")
	b.m.Running(b.now, e, 42)
	b.pass(time.Second)
	b.want("run 1", "kill 42 15")
	b.pass(time.Hour)
	b.want("kill 42 9")
	b.m.Ended(b.now, e, syscall.WaitStatus(syscall.SIGKILL))
	if !e.Past[0].TimedOut {
		t.Error("the task is not said to have timed out")
	}
	if _, ok := b.m.NextWake(); ok {
		t.Error("a clock still runs")
	}
}

func TestDelete(t *testing.T) {
	b := newBench(t)
	e := b.create(cron.Spec{Trigger: cron.Event{Topic: "a"}})
	b.event("a")
	b.m.Delete(e, true) // before the process is known
	if b.m.Find(e.ID) != e {
		t.Error("gone before its task")
	}
	if err := b.m.Start(b.now, e); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("starting a deleted entry: %v", err)
	}
	b.m.Running(b.now, e, 7)
	b.want("run 1", "kill 7 15")
	b.m.Ended(b.now, e, syscall.WaitStatus(syscall.SIGTERM))
	if b.m.Find(e.ID) != nil {
		t.Error("still there")
	}
}

func TestDates(t *testing.T) {
	b := newBench(t)
	c := crontab(t, "30 12 * * *")
	if err := c.SetNumber(cron.Year, 116); err != nil {
		t.Fatal(err)
	}
	e := b.create(cron.Spec{Trigger: cron.Date{Calendar: c}})
	b.pass(29 * time.Minute)
	b.want()
	b.pass(time.Minute)
	b.want("run 1")
	b.finish(e, 0)
	b.now = time.Date(2016, 12, 31, 12, 30, 0, 0, time.UTC)
	b.m.Tick(b.now)
	if !e.Stopped {
		t.Error("not stopped after the last date")
	}
}

func TestRefusals(t *testing.T) {
	past := cron.NewCalendar()
	if err := past.SetNumber(cron.Year, 100); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		spec cron.Spec
		want syscall.Errno
	}{
		"too often":  {cron.Spec{Trigger: cron.Interval{Every: 1}}, syscall.EINVAL},
		"before now": {cron.Spec{Trigger: cron.Date{Calendar: past}}, syscall.EINVAL},
		"no topic":   {cron.Spec{Trigger: cron.Event{}}, syscall.EINVAL},
		"no type":    {cron.Spec{}, syscall.ENOSYS},
		"history":    {cron.Spec{Trigger: cron.Event{Topic: "a"}, History: 1 << 30}, syscall.EINVAL},
	} {
		if _, err := cron.New().Create(start, c.spec); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
