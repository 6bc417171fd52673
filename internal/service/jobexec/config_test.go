// SPDX-License-Identifier: LGPL-3.0-or-later

package jobexec

import (
	"errors"
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
	var c config
	if err := c.read(args); err != nil {
		t.Fatal(err)
	}
	want := config{shell: "/x", killTimeout: 500 * time.Millisecond, maxKillCount: 3, termSignal: syscall.SIGUSR1}
	if c != want {
		t.Errorf("read as %+v, want %+v", c, want)
	}
	for _, bad := range []string{"nosuch=1", "max-kill-count=x"} {
		if _, err := moduleArgs([]string{bad}); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for _, bad := range []map[string]any{
		{"kill-timeout": "x"}, {"kill-timeout": int64(1)}, {"max-kill-count": int64(0)}, {"term-signal": "SIGNOT"}, {"job-shell": int64(1)},
	} {
		if err := c.read(bad); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}
