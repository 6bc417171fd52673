// SPDX-License-Identifier: LGPL-3.0-or-later

package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// printShell prints what a task knows of its shell.
const printShell = `echo $PPID $FLUX_JOB_ID $FLUX_KVS_NAMESPACE $(pwd) $(ulimit -Sn) $(ulimit -c)`

// A shell takes one plain job after another; each finds what is its own.
func TestShellTakesNextJob(t *testing.T) {
	c := start(t, 1)
	dir := shortDir(t)
	var shells []string
	for i, args := range [][]string{
		{"--cwd=/"}, {"--cwd=" + dir, "--rlimit=core=0"}, {"--cwd=/usr", "--rlimit=nofile=77"}, {"--cwd=/"},
	} {
		id := c.ok(append(append([]string{"submit", "--wait"}, args...), "sh", "-c", printShell)...)
		f := strings.Fields(c.ok("job", "attach", id))
		if len(f) != 6 {
			t.Fatalf("the task printed %q", f)
		}
		shells = append(shells, f[0])
		if f[1] != id || f[3] != strings.TrimPrefix(args[0], "--cwd=") || (i == 2) != (f[4] == "77") || i == 1 && f[5] != "0" {
			t.Errorf("job %s with %v: the task printed %v", id, args, f)
		}
		if want := "job-" + c.ok("job", "id", "--to=dec", id); f[2] != want {
			t.Errorf("the task's namespace is %s, not %s", f[2], want)
		}
	}
	if shells[0] != shells[1] || shells[1] != shells[2] || shells[2] != shells[3] {
		t.Errorf("the shells are %v, want one and the same", shells)
	}
}

// A shell that leaves something behind, or might, is its job's alone.
func TestShellOfOneJob(t *testing.T) {
	c := start(t, 1)
	rc := filepath.Join(shortDir(t), "rc.lua")
	if err := os.WriteFile(rc, []byte("x = 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	seen := map[string][]string{}
	for _, args := range [][]string{
		{"sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo $PPID $!"},
		{"-o", "userrc=" + rc, "sh", "-c", "echo $PPID"},
		{"-o", "pty", "sh", "-c", "echo $PPID"},
		{"sh", "-c", "echo $PPID"},
	} {
		id := c.ok(append([]string{"submit", "--wait"}, args...)...)
		f := strings.Fields(c.ok("job", "attach", id))
		if before, again := seen[f[0]]; again {
			t.Errorf("the shell of %v was then that of %v", before, args)
		}
		seen[f[0]] = args
		if len(f) > 1 { // ours to end
			pid, _ := strconv.Atoi(f[1])
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// A job whose shell has had another before goes on without its broker as well.
func TestTakenShellOutlivesBroker(t *testing.T) {
	n := newNode(t)
	n.up()
	first := n.ok("submit", "--wait", "sh", "-c", "echo $PPID")
	gate := filepath.Join(n.dir, "gate")
	id := n.ok("submit", "sh", "-c", `echo $PPID; while ! [ -e "$0" ]; do sleep 0.1; done; exit 3`, gate)
	n.ok("job", "wait-event", "-p", "exec", id, "shell.start")
	n.kill()
	n.up()
	writeFile(t, n.dir, "gate", "")
	r := n.flux("job", "attach", id)
	if want := n.ok("job", "attach", first) + "\n"; r.code != 3 || r.stdout != want {
		t.Errorf("exit %d, shell %q; that of the job before was %q", r.code, r.stdout, want)
	}
	// What had ended before is not mistaken for running, nor run again.
	if log := n.ok("job", "eventlog", first); strings.Count(log, " start") != 1 || strings.Count(log, " finish") != 1 {
		t.Errorf("event log of the first job:\n%s", log)
	}
}

// A shell that is killed takes its tasks with it.
func TestKilledShellTasks(t *testing.T) {
	c := start(t, 1)
	file := filepath.Join(shortDir(t), "pids")
	r := c.flux("run", "sh", "-c", `sleep 1000 & (sleep 1000 & echo $!; echo $$) >"$0".new; mv "$0".new "$0"; kill -KILL $PPID; wait`, file)
	if r.code == 0 {
		t.Errorf("the job's exit code is %d", r.code)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range strings.Fields(string(b)) {
		if state := processState(text); state != "" && state != "Z" && state != "X" {
			t.Errorf("process %s of the job goes on (%s)", text, state)
		}
	}
}

// processState is the state of a process (proc(5)), "" when there is none.
func processState(pid string) string {
	b, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	state, _, _ := strings.Cut(rest, " ")
	return state
}

// A shell that waits for a job in vain ends, and so does one whose broker goes.
func TestIdleShellEnds(t *testing.T) {
	n := newNode(t)
	n.up()
	gone := func(pid string) bool {
		deadline := time.Now().Add(patience)
		for time.Now().Before(deadline) {
			if s := processState(pid); s == "" || s == "Z" {
				return true
			}
		}
		return false
	}
	for _, end := range []func(){func() {}, n.kill} {
		pid := n.ok("job", "attach", n.ok("submit", "--wait", "sh", "-c", "echo $PPID"))
		end()
		if !gone(pid) {
			t.Error(fmt.Errorf("shell %s goes on", pid))
		}
	}
	n.cmd = nil
}
