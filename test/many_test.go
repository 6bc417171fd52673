// SPDX-License-Identifier: LGPL-3.0-or-later

package test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Sixty-four brokers on one machine come up, run a job on each, and go away.
func TestManyBrokers(t *testing.T) {
	if testing.Short() {
		t.Skip("sixty-four brokers take a while")
	}
	const n = 64
	c := start(t, n)
	if got := c.ok("getattr", "size"); got != strconv.Itoa(n) {
		t.Errorf("size %s", got)
	}
	got := strings.Split(c.ok("run", "-N64", "--tasks-per-node=1", "flux", "getattr", "rank"), "\n")
	var want []string
	for i := range n {
		want = append(want, strconv.Itoa(i))
	}
	if !slices.Equal(sorted(got), sorted(want)) {
		t.Errorf("a task on each of %d brokers: %q", n, got)
	}
	if got := c.ok("overlay", "status", "--summary"); got != "full" {
		t.Errorf("the tree is %s", got)
	}
}

// A follower that dies is noticed, its node is not used, and the rest works on.
func TestLostFollower(t *testing.T) {
	c := start(t, 4, "--test-exit-mode=leader", "-Stbon.topo=kary:0")
	pid := c.ok("exec", "-r", "3", "flux", "getattr", "broker.pid")
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	kill(t, n)
	c.ok("overlay", "status", "--timeout=0", "--wait=degraded")
	if r := c.flux("ping", "--count=1", "--rank=3", "broker"); r.code == 0 || !strings.Contains(r.stderr, "No route to host") {
		t.Errorf("ping of a dead broker: exit %d, %q", r.code, r.stderr)
	}
	c.ok("run", "-N3", "true")
	c.until("0-2", "resource", "list", "-no", "{ranks}", "--states=up")
}
