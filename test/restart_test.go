// SPDX-License-Identifier: LGPL-3.0-or-later

package test

import (
	"os"
	"strings"
	"testing"
)

// life is what an instance on a lasting statedir knows, as its users see it.
type life struct {
	done, held   string // job ids
	eventlog     string // of the finished job
	output       string
	value        string // of a KVS key
	drained      string // nodes, with their reason
	jobs, queued string
}

// live makes a bit of everything.
func live(c *cluster) life {
	l := life{
		done: c.ok("submit", "--wait", "-N2", "echo", "remember me"),
		held: c.ok("submit", "--urgency=hold", "true"),
	}
	c.ok("kvs", "put", "a.b.c=42")
	c.ok("resource", "drain", "2", "broken", "fan")
	c.ok("queue", "disable", "--message=closed")
	l.read(c)
	return l
}

// read looks at it all again.
func (l *life) read(c *cluster) {
	l.eventlog = c.ok("job", "eventlog", "--format=json", l.done)
	l.output = c.ok("job", "attach", l.done)
	l.value = c.ok("kvs", "get", "a.b.c")
	l.drained = c.ok("resource", "drain", "-no", "{ranks} {reason}")
	l.jobs = c.ok("jobs", "-a", "-no", "{id} {status} {name} {ntasks} {nnodes}")
	l.queued = c.ok("queue", "status")
}

func compare(t *testing.T, before, after life) {
	t.Helper()
	if before != after {
		t.Errorf("before:\n%+v\nafter:\n%+v", before, after)
	}
}

// A statedir outlives the instance: what was there is there again, and the
// instance goes on from it.
func TestRestart(t *testing.T) {
	dir, state := shortDir(t), shortDir(t)
	args := []string{"-Sstatedir=" + state}
	c := startIn(t, dir, 4, args...)
	before := live(c)
	c.stop()

	c = startIn(t, dir, 4, args...)
	defer c.stop()
	after := before
	after.read(c)
	compare(t, before, after)
	if before.value != "42" || !strings.Contains(before.drained, "2 broken fan") || !strings.Contains(before.output, "remember me") {
		t.Errorf("nothing worth remembering: %+v", before)
	}
	c.ok("queue", "enable")
	c.ok("job", "urgency", before.held, "default")
	c.ok("job", "wait-event", before.held, "clean")
	id := c.ok("submit", "true")
	c.ok("job", "wait-event", id, "clean")
	if id == before.done || id == before.held {
		t.Errorf("job id %s was given twice", id)
	}
}

// What has been answered survives the death of every process at once.
func TestCrash(t *testing.T) {
	dir, state := shortDir(t), shortDir(t)
	args := []string{"-Sstatedir=" + state}
	c := startIn(t, dir, 4, args...)
	running := c.ok("submit", "-N1", "sleep", "1000")
	c.ok("job", "wait-event", running, "start")
	before := live(c)
	c.Kill()

	c = startIn(t, dir, 4, args...)
	defer c.stop()
	// The job that ran has lost its shell, and its end is told.
	c.ok("job", "wait-event", running, "clean")
	if got := c.ok("jobs", "-no", "{status}", running); got != "FAILED" {
		t.Errorf("the job that ran is %s", got)
	}
	after := before
	after.read(c)
	before.jobs, after.jobs = "", "" // its row has changed
	compare(t, before, after)
	if _, err := os.Stat(state + "/content.sqlite"); err != nil {
		t.Error(err)
	}
}
