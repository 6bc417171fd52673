// SPDX-License-Identifier: LGPL-3.0-or-later

package test

import (
	"context"
	"strings"
	"testing"
)

// A job's guest namespace outlives the execution service that made it, and what
// is in it stays with the job, also with a mock job.
func TestGuestNamespaceOutlivesExec(t *testing.T) {
	c := start(t, 1)
	id := c.ok("submit", "--setattr=system.exec.test.run_duration=100s", "true")
	c.ok("job", "wait-event", id, "start")
	ns := c.ok("job", "namespace", id)
	c.ok("kvs", "put", "--namespace="+ns, "a.b=42")
	c.ok("module", "reload", "job-exec")
	if v := c.ok("kvs", "get", "--namespace="+ns, "a.b"); v != "42" {
		t.Errorf("after a reload: %q", v)
	}
	c.ok("cancel", id)
	c.ok("job", "wait-event", id, "clean")
	if v := c.ok("kvs", "get", c.ok("job", "id", "--to=kvs", id)+".guest.a.b"); v != "42" {
		t.Errorf("after its end: %q", v)
	}
	if v := c.ok("job", "info", id, "guest.a.b"); v != "42" {
		t.Errorf("job info shows %q", v)
	}
	if v := c.ok("kvs", "namespace", "list"); strings.Contains(v, ns) {
		t.Errorf("the namespace is still there:\n%s", v)
	}
}

// What a job's guest namespace shows by way of links is what the links' targets
// show to the same user.
func TestGuestNamespaceShowsNoMore(t *testing.T) {
	c := start(t, 1)
	c.ok("kvs", "namespace", "create", "--owner=9999", "other")
	c.ok("kvs", "put", "--namespace=other", "secret=other's")
	id := c.ok("submit", "--setattr=system.exec.test.run_duration=100s", "true")
	c.ok("job", "wait-event", id, "start")
	ns := "--namespace=" + c.ok("job", "namespace", id)
	c.ok("kvs", "put", ns, "own=mine")
	c.ok("kvs", "link", ns, "own", "near")
	c.ok("kvs", "link", ns, "--target-namespace=other", "secret", "link")
	check := func(when string) {
		t.Helper()
		for key, want := range map[string]string{"own": "mine", "near": "mine", "link": ""} {
			r := c.asGuest("job", "info", id, "guest."+key)
			if got := strings.TrimSpace(r.stdout); got != want || (r.code == 0) != (want != "") {
				t.Errorf("%s, job info guest.%s: exit %d, %q %q, want %q", when, key, r.code, r.stdout, r.stderr, want)
			}
			r = c.asGuest("job", "eventlog", "--path=guest."+key, id)
			if strings.Contains(r.stdout+r.stderr, "other's") {
				t.Errorf("%s, job eventlog guest.%s: %q %q", when, key, r.stdout, r.stderr)
			}
		}
		if v := c.ok("job", "info", id, "guest.link"); v != "other's" {
			t.Errorf("%s, the owner sees %q", when, v)
		}
	}
	check("while it runs")
	c.ok("cancel", id)
	c.ok("job", "wait-event", id, "clean")
	check("after its end")
}

// asGuest runs "flux args…" as a user without the owner's role.
func (c *cluster) asGuest(args ...string) result {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := c.Command(ctx, args...)
	cmd.Env = append(cmd.Environ(), "FLUX_HANDLE_ROLEMASK=2")
	return runCommand(ctx, c.t, cmd, "")
}
