// SPDX-License-Identifier: LGPL-3.0-or-later

package test

import "testing"

// A signal that is sent when a job has just started is not lost on its way to
// shells that do not listen yet.
func TestEarlySignal(t *testing.T) {
	c := start(t, 2)
	for range 5 {
		id := c.ok("submit", "-N2", "-n2", "sleep", "1000")
		c.ok("job", "wait-event", id, "start")
		c.ok("job", "kill", "--signal=TERM", id)
		if r := c.flux("job", "status", id); r.code != 143 {
			t.Fatalf("exit %d %s", r.code, r.stderr)
		}
	}
}
