// SPDX-License-Identifier: LGPL-3.0-or-later

package test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// What flux-run(1), flux-submit(1), flux-job(1) and flux-jobs(1) promise, in an
// instance of four brokers.
func TestRun(t *testing.T) {
	c := start(t, 4)
	for _, sub := range []struct {
		name string
		test func(*testing.T, *cluster)
	}{
		{"hostname", runHostname},
		{"exit", runExit},
		{"label", runLabel},
		{"output file", runOutputFile},
		{"stdin", runStdin},
		{"place", runPlace},
		{"environment", runEnvironment},
		{"cancel", runCancel},
		{"timeout", runTimeout},
		{"bulk", runBulk},
		{"eventlog", runEventlog},
		{"dependency", runDependency},
		{"unsatisfiable", runUnsatisfiable},
		{"exec", runExec},
	} {
		t.Run(sub.name, func(t *testing.T) {
			c := &cluster{c.Instance, t}
			sub.test(t, c)
		})
	}
}

// tasks is how many tasks four brokers of this machine surely hold.
func tasks() int { return 4 * min(2, runtime.NumCPU()) }

func runHostname(t *testing.T, c *cluster) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	r := c.flux("run", "-N4", fmt.Sprintf("-n%d", tasks()), "hostname")
	if r.code != 0 || len(r.lines()) != tasks() {
		t.Fatalf("exit %d, %d lines\n%s%s", r.code, len(r.lines()), r.stdout, r.stderr)
	}
	for _, line := range r.lines() {
		if line != host {
			t.Errorf("%q, want %q", line, host)
		}
	}
	ranks := c.ok("run", "-N4", "--tasks-per-node=1", "flux", "getattr", "rank")
	if got := sorted(strings.Split(ranks, "\n")); !slices.Equal(got, []string{"0", "1", "2", "3"}) {
		t.Errorf("a task on each of four brokers ran on ranks %q", got)
	}
}

func sorted(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
}

func runExit(t *testing.T, c *cluster) {
	for _, e := range []struct {
		code    int
		words   string
		command []string
	}{
		{0, "", []string{"true"}},
		{1, "exit code 1", []string{"false"}},
		{3, "exit code 3", []string{"sh", "-c", "exit 3"}},
		{143, "Terminated", []string{"sh", "-c", "kill -TERM $$"}},
		{127, "nosuchprogram", []string{"nosuchprogram"}},
		{126, "", []string{"/etc/passwd"}},
	} {
		r := c.flux(append([]string{"run"}, e.command...)...)
		if r.code != e.code || !strings.Contains(r.stderr, e.words) {
			t.Errorf("flux run %q: exit %d, want %d; stderr %q, want %q in it", e.command, r.code, e.code, r.stderr, e.words)
		}
	}
	// The highest of the tasks' codes counts.
	if r := c.flux("run", "-N4", "--tasks-per-node=1", "sh", "-c", "exit $FLUX_TASK_RANK"); r.code != 3 {
		t.Errorf("tasks that exit 0 to 3: exit %d, want 3\n%s", r.code, r.stderr)
	}
}

func runLabel(t *testing.T, c *cluster) {
	r := c.flux("run", "-N4", "-n4", "--label-io", "sh", "-c", "echo out; echo err >&2")
	if got, want := sorted(r.lines()), []string{"0: out", "1: out", "2: out", "3: out"}; !slices.Equal(got, want) {
		t.Errorf("stdout %q, want %q", got, want)
	}
	if got, want := sorted(strings.Split(strings.TrimSpace(r.stderr), "\n")), []string{"0: err", "1: err", "2: err", "3: err"}; !slices.Equal(got, want) {
		t.Errorf("stderr %q, want %q", got, want)
	}
}

func runOutputFile(t *testing.T, c *cluster) {
	dir := shortDir(t)
	c.ok("run", "-N2", "-n2", "--output="+dir+"/out", "--error="+dir+"/err", "sh", "-c", "echo to-out; echo to-err >&2")
	for name, want := range map[string]string{"out": "to-out\nto-out\n", "err": "to-err\nto-err\n"} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	id := c.ok("submit", "--wait", "--output="+dir+"/{{id}}.{{name}}", "echo", "named")
	got, err := os.ReadFile(filepath.Join(dir, id+".echo"))
	if err != nil || string(got) != "named\n" {
		t.Errorf("file named by a template: %q, %v", got, err)
	}
	// More than any pipe or message holds, every byte of it.
	const size = 3_000_000
	c.ok("run", "--output="+dir+"/large", "sh", "-c", fmt.Sprintf("head -c %d /dev/zero | tr '\\0' x", size))
	if got, err := os.ReadFile(filepath.Join(dir, "large")); err != nil || len(got) != size {
		t.Errorf("%d bytes of %d, %v", len(got), size, err)
	}
}

func runStdin(t *testing.T, c *cluster) {
	if got := c.okInput("one\ntwo\n", "run", "cat"); got != "one\ntwo" {
		t.Errorf("cat of standard input: %q", got)
	}
	if got := c.okInput("all\n", "run", "-N4", "-n4", "cat"); got != "all\nall\nall\nall" {
		t.Errorf("standard input goes to all tasks: %q", got)
	}
	if got := c.okInput("some\n", "run", "-N4", "-n4", "--input=2", "--label-io", "cat"); got != "2: some" {
		t.Errorf("standard input of task 2 alone: %q", got)
	}
	file := writeFile(t, shortDir(t), "in", "from a file\n")
	if got := c.ok("run", "-n1", "--input="+file, "cat"); got != "from a file" {
		t.Errorf("input from a file: %q", got)
	}
	large := strings.Repeat("0123456789abcde\n", 1<<16)
	if got := c.okInput(large, "run", "wc", "-c"); strings.TrimSpace(got) != fmt.Sprint(len(large)) {
		t.Errorf("%s bytes arrived of %d", got, len(large))
	}
}

func runPlace(t *testing.T, c *cluster) {
	dir := shortDir(t)
	if got := c.ok("run", "--cwd="+dir, "pwd"); got != dir {
		t.Errorf("--cwd=%s: %q", dir, got)
	}
	if got := c.ok("run", "--requires=rank:2", "flux", "getattr", "rank"); got != "2" {
		t.Errorf("--requires=rank:2 ran on %q", got)
	}
}

func runEnvironment(t *testing.T, c *cluster) {
	got := c.ok("run", "-N2", "-n2", "--label-io", "--env=MINE=yes", "sh", "-c", "echo $MINE $FLUX_TASK_RANK $FLUX_TASK_LOCAL_ID $FLUX_JOB_SIZE $FLUX_JOB_NNODES")
	if want := []string{"0: yes 0 0 2 2", "1: yes 1 0 2 2"}; !slices.Equal(sorted(strings.Split(got, "\n")), want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := c.ok("run", "--env=-*", "--env=PATH", "sh", "-c", "echo ${HOME-unset}"); got != "unset" {
		t.Errorf("--env=-*: HOME is %q", got)
	}
}

func runCancel(t *testing.T, c *cluster) {
	id := c.ok("submit", "-N4", "sleep", "1000")
	c.ok("job", "wait-event", "-p", "exec", id, "shell.start")
	c.ok("cancel", id)
	c.ok("job", "wait-event", id, "clean")
	if r := c.flux("job", "status", id); r.code != 143 {
		t.Errorf("status of a cancelled job: exit %d, want 143\n%s", r.code, r.stderr)
	}
	if got := c.ok("jobs", "-no", "{status}", id); got != "CANCELED" {
		t.Errorf("a cancelled job is %s", got)
	}
	if names := eventNames(t, c, id); !slices.Contains(names, "exception") {
		t.Errorf("events %v, want an exception among them", names)
	}
	// One whose shells are just being started.
	early := c.ok("submit", "-N4", "sleep", "1000")
	c.ok("job", "wait-event", early, "alloc")
	c.ok("cancel", early)
	c.ok("job", "wait-event", early, "clean")
	if got := c.ok("jobs", "-no", "{status}", early); got != "CANCELED" {
		t.Errorf("a job cancelled while it starts is %s", got)
	}
	// One that has no resources yet.
	held := c.ok("submit", "--urgency=hold", "true")
	c.ok("cancel", held)
	c.ok("job", "wait-event", held, "clean")
	if names := eventNames(t, c, held); slices.Contains(names, "alloc") {
		t.Errorf("a job cancelled while held was given resources: %v", names)
	}
}

func runTimeout(t *testing.T, c *cluster) {
	r := c.flux("run", "-t", "0.3s", "sleep", "1000")
	if r.code != 142 || !strings.Contains(r.stderr, "timeout") {
		t.Errorf("exit %d, want 142; stderr %q", r.code, r.stderr)
	}
}

func runBulk(t *testing.T, c *cluster) {
	const n = 100
	ids := strings.Split(c.ok("submit", fmt.Sprintf("--cc=1-%d", n), "--wait", "--job-name=bulk", "true"), "\n")
	if len(ids) != n || len(slices.Compact(sorted(ids))) != n {
		t.Fatalf("%d ids", len(ids))
	}
	if got := len(strings.Split(c.ok("jobs", "-n", "--count=0", "--filter=completed", "--name=bulk", "-o", "{id}"), "\n")); got != n {
		t.Errorf("%d jobs listed as completed, want %d", got, n)
	}
	// What is counted is what is there.
	all := len(strings.Split(c.ok("jobs", "-n", "--count=0", "--filter=completed", "-o", "{id}"), "\n"))
	if got := c.flux("jobs", "--stats-only").stdout + c.flux("jobs", "--stats-only").stderr; !strings.Contains(got, fmt.Sprintf(" %d completed,", all)) {
		t.Errorf("%d jobs have completed; the statistics say %q", all, got)
	}
	// Nothing is held when all is over.
	if got := c.ok("resource", "list", "-no", "{nnodes}", "--states=allocated"); got != "0" {
		t.Errorf("%s nodes are still allocated", got)
	}
}

// eventNames are the names in a job's event log.
func eventNames(t *testing.T, c *cluster, id string) []string {
	t.Helper()
	var names []string
	for line := range strings.Lines(c.ok("job", "eventlog", "--format=json", id)) {
		var e struct{ Name string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		names = append(names, e.Name)
	}
	return names
}

func runEventlog(t *testing.T, c *cluster) {
	id := c.ok("submit", "-N2", "true")
	c.ok("job", "wait-event", id, "clean")
	var names []string
	for _, n := range eventNames(t, c, id) {
		if n != "release" { // a node or several at a time
			names = append(names, n)
		}
	}
	want := []string{"submit", "validate", "depend", "priority", "alloc", "start", "finish", "free", "clean"}
	if !slices.Equal(names, want) {
		t.Errorf("events %v, want %v", names, want)
	}
	var R struct {
		Version int
	}
	if err := json.Unmarshal([]byte(c.ok("job", "info", id, "R")), &R); err != nil || R.Version != 1 {
		t.Errorf("R: %+v, %v", R, err)
	}
}

func runDependency(t *testing.T, c *cluster) {
	dir := shortDir(t)
	first := c.ok("submit", "--urgency=hold", "sh", "-c", "echo first >>"+dir+"/order")
	second := c.ok("submit", "--dependency=afterok:"+first, "sh", "-c", "echo second >>"+dir+"/order")
	c.ok("job", "urgency", first, "default")
	c.ok("job", "wait-event", second, "clean")
	if got, err := os.ReadFile(dir + "/order"); err != nil || string(got) != "first\nsecond\n" {
		t.Errorf("%q, %v", got, err)
	}
}

func runUnsatisfiable(t *testing.T, c *cluster) {
	r := c.flux("run", "-N100", "true")
	if r.code == 0 || !strings.Contains(r.stderr, "unsatisfiable") {
		t.Errorf("100 nodes of 4: exit %d, stderr %q", r.code, r.stderr)
	}
}

func runExec(t *testing.T, c *cluster) {
	got := c.ok("exec", "--label-io", "flux", "getattr", "rank")
	if want := []string{"0: 0", "1: 1", "2: 2", "3: 3"}; !slices.Equal(sorted(strings.Split(got, "\n")), want) {
		t.Errorf("%q, want %q", got, want)
	}
	if r := c.flux("exec", "-r", "1,3", "sh", "-c", "exit 5"); r.code != 5 {
		t.Errorf("exit %d, want 5", r.code)
	}
}
