// SPDX-License-Identifier: LGPL-3.0-or-later

package sim

import (
	"flag"
	"testing"
	"time"
)

var (
	seedFlag    = flag.Int64("seed", 0, "live the history of this seed alone")
	brokersFlag = flag.Int("brokers", 8, "brokers of the instance")
	jobsFlag    = flag.Int("jobs", 60, "jobs to be submitted")
)

func report(t *testing.T, r *Result) {
	t.Helper()
	if r.Err == nil {
		return
	}
	for _, line := range r.Log {
		t.Log(line)
	}
	t.Error(r)
}

// What nobody has seen yet is for make soak-sim: here a change is judged, not
// luck. Some 8 s of a processor.
const histories = 24

func TestHistories(t *testing.T) {
	first, n := int64(1), int64(histories)
	if *seedFlag != 0 {
		first, n = *seedFlag, 1
	}
	var simulated, took time.Duration
	for seed := first; seed < first+n && !t.Failed(); seed++ {
		r := Run(FromSeed(seed, *brokersFlag, *jobsFlag))
		report(t, r)
		simulated += r.Now
		took += r.Took
	}
	t.Logf("%.1f h simulated in %.1f s, %.2f h/s", simulated.Hours(), took.Seconds(), simulated.Hours()/took.Seconds())
}

// Histories that have found something (see docs/found-by-simulation.md) besides
// those above, which have, too.
func TestFoundBefore(t *testing.T) {
	for _, h := range []struct {
		seed          int64
		brokers, jobs int
	}{
		{7042, 12, 150}, // a drain behind a clock that was set back
	} {
		report(t, Run(FromSeed(h.seed, h.brokers, h.jobs)))
	}
}

// A seed is a history: lived twice it is the same.
func TestReplay(t *testing.T) {
	for s := range int64(3) {
		a, b := Run(FromSeed(100+s, 6, 40)), Run(FromSeed(100+s, 6, 40))
		if a.Trace != b.Trace || a.Events != b.Events || a.Now != b.Now {
			t.Errorf("two lives of a seed differ:\n%s\n%s", a, b)
		}
		report(t, a)
	}
}

// instant stands on the layout of package time.
func TestInstant(t *testing.T) {
	wall := time.Date(2031, 7, 8, 9, 10, 11, 123456789, time.UTC)
	a := instant(wall, 5*time.Second)
	b := instant(wall.Add(-time.Hour), 7*time.Second)
	if !a.Equal(wall.Round(0)) && a.UnixNano() != wall.UnixNano() {
		t.Errorf("wall clock %v, want %v", a, wall)
	}
	if a.UnixNano() != wall.UnixNano() {
		t.Errorf("%d ns, want %d", a.UnixNano(), wall.UnixNano())
	}
	if d := b.Sub(a); d != 2*time.Second {
		t.Errorf("the clock was set back, and the difference is %v, not 2s", d)
	}
	if d := a.Round(0).Sub(b.Round(0)); d != time.Hour {
		t.Errorf("the difference of the wall clocks is %v", d)
	}
	if !a.Add(time.Second).Before(b) {
		t.Error("adding to a time of both clocks")
	}
}
