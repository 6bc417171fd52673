// SPDX-License-Identifier: LGPL-3.0-or-later

package test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// node is a single broker as an init system would run it: the same run and
// state directory each time, no initial program.
type node struct {
	t    *testing.T
	dir  string
	cmd  *exec.Cmd
	log  strings.Builder
	done chan struct{}
}

func newNode(t *testing.T) *node {
	t.Helper()
	n := &node{t: t, dir: shortDir(t)}
	for _, d := range []string{"run", "state"} {
		if err := os.Mkdir(filepath.Join(n.dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		n.stop()
		if t.Failed() {
			t.Logf("the broker said:\n%s", n.log.String())
		}
	})
	return n
}

func (n *node) socket() string { return filepath.Join(n.dir, "run", "local-0") }

// up starts the broker and waits until it runs jobs.
func (n *node) up() {
	n.t.Helper()
	n.cmd = exec.Command(fluxPath(), "broker", "-Sstatedir="+n.dir+"/state", "-Srundir="+n.dir+"/run",
		"-Slocal-uri=local://"+n.socket(), "-Sbroker.rc2_none=1")
	n.cmd.Stderr = &n.log
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) { _ = cmd.Wait(); close(done) }(n.cmd, n.done)
	deadline := time.Now().Add(patience)
	for {
		if c, err := net.Dial("unix", n.socket()); err == nil {
			c.Close()
			if r := n.flux("module", "list"); r.code == 0 && strings.Contains(r.stdout, "job-exec") {
				return
			}
		}
		if time.Now().After(deadline) {
			n.t.Fatalf("the broker does not come up")
		}
	}
}

func (n *node) flux(args ...string) result {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, fluxPath(), args...)
	cmd.Env = append(os.Environ(), "FLUX_URI=local://"+n.socket())
	return runCommand(ctx, n.t, cmd, "")
}

func (n *node) ok(args ...string) string {
	n.t.Helper()
	r := n.flux(args...)
	if r.code != 0 {
		n.t.Fatalf("flux %s: exit %d\n%s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return strings.TrimRight(r.stdout, "\n")
}

// kill ends the broker as a crash does.
func (n *node) kill() {
	kill(n.t, n.cmd.Process.Pid)
	<-n.done
}

func (n *node) stop() {
	if n.cmd == nil {
		return
	}
	_ = n.cmd.Process.Signal(os.Interrupt)
	<-n.done
}

// A job goes on while its broker is killed and started again: nothing of its
// output is lost or doubled, and its end is the one it really had.
func TestJobOutlivesBroker(t *testing.T) {
	n := newNode(t)
	n.up()
	gate := filepath.Join(n.dir, "gate")
	const script = `i=0; while [ $i -lt 5 ]; do echo line $i; i=$((i+1)); done
while ! [ -e "$0" ]; do sleep 0.1; done
echo the end; exit 3`
	long := n.ok("submit", "sh", "-c", script, gate)
	brief := n.ok("submit", "sh", "-c", `while ! [ -e "$0" ]; do sleep 0.1; done; touch "$0.seen"`, gate+".brief")
	for _, id := range []string{long, brief} {
		n.ok("job", "wait-event", "-p", "exec", id, "shell.start")
	}
	n.kill()
	// One ends while there is no broker.
	writeFile(t, n.dir, "gate.brief", "")
	waitForFile(t, gate+".brief.seen")
	n.up()
	writeFile(t, n.dir, "gate", "")

	r := n.flux("job", "attach", long)
	want := "line 0\nline 1\nline 2\nline 3\nline 4\nthe end\n"
	if r.stdout != want || r.code != 3 {
		t.Errorf("the job's output is %q, exit %d\n%s", r.stdout, r.code, r.stderr)
	}
	if r := n.flux("job", "status", brief); r.code != 0 {
		t.Errorf("the job that ended meanwhile: exit %d %s", r.code, r.stderr)
	}
	for id, status := range map[string]int{long: 3 << 8, brief: 0} {
		log := n.ok("job", "eventlog", id)
		if strings.Count(log, " start") != 1 || !strings.Contains(log, "finish status="+strconv.Itoa(status)) {
			t.Errorf("event log of %s:\n%s", id, log)
		}
	}
}

func waitForFile(t *testing.T, path string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		if _, err := os.Stat(path); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not appear", path)
		}
	}
}
