// SPDX-License-Identifier: LGPL-3.0-or-later

package jobexec

import (
	"errors"
	"reflect"
	"syscall"
	"testing"
	"time"
)

// The module's arguments are read as the configuration is.
func TestArguments(t *testing.T) {
	args, err := moduleArgs([]string{"kill-timeout=0.5s", "max-kill-count=3", "term-signal=SIGUSR1", "job-shell=/x"})
	if err != nil {
		t.Fatal(err)
	}
	c := defaults()
	if err := c.read(args); err != nil {
		t.Fatal(err)
	}
	want := defaults()
	want.shell, want.killTimeout, want.maxKillCount, want.termSignal = "/x", 500*time.Millisecond, 3, syscall.SIGUSR1
	if !reflect.DeepEqual(c, want) {
		t.Errorf("read as %+v, want %+v", c, want)
	}
	for _, bad := range []string{"nosuch=1", "kill-timeout"} {
		if _, err := moduleArgs([]string{bad}); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for _, bad := range []map[string]any{
		{"kill-timeout": "x"}, {"kill-timeout": int64(1)}, {"max-kill-count": int64(0)}, {"term-signal": "SIGNOT"}, {"job-shell": int64(1)},
		{"kill-timeout": "0"}, {"max-kill-count": "x"}, {"max-kill-timeout": int64(100)}, {"barrier-timeout": int64(100)}, {"barrier-timeout": "55p"},
		{"shell-exit-timeout": "notfsd"}, {"method": "wrong"}, {"imp": int64(42)},
		{"sdexec-properties": int64(42)}, {"sdexec-properties": map[string]any{"MemoryHigh": int64(42)}},
	} {
		if err := c.read(bad); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

// A start that takes more of the job's duration than it may lose is made up for.
func TestLateness(t *testing.T) {
	for _, c := range []struct{ now, start, end, percent, want float64 }{
		{now: 110, start: 100, end: 200, percent: 25, want: 0},
		{now: 126, start: 100, end: 200, percent: 25, want: 26},
		{now: 101, start: 100, end: 200, percent: 0, want: 1},
		{now: 500, start: 100, end: 0, percent: 0, want: 0},  // no time limit
		{now: 500, start: 0, end: 200, percent: 25, want: 0}, // of old: not known
	} {
		if got := lateness(c.now, c.start, c.end, c.percent); got != c.want {
			t.Errorf("%+v: %g", c, got)
		}
	}
}

// How long a job is given to end: the examples of flux-config-exec(5).
func TestPatience(t *testing.T) {
	for _, c := range []struct {
		timeout time.Duration
		count   int
		most    time.Duration
		want    time.Duration
	}{
		{time.Second, 4, 0, 12 * time.Second},
		{5 * time.Second, 8, 0, 640 * time.Second},
		{100 * time.Millisecond, 3, 0, 800 * time.Millisecond},
		{time.Second, 4, time.Minute, time.Minute},
	} {
		conf := config{killTimeout: c.timeout, maxKillCount: c.count, maxKillTimeout: c.most}
		if got := conf.patience(); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}
