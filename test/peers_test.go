// SPDX-License-Identifier: LGPL-3.0-or-later

package test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// gated submits a job on all nodes that runs until a file appears, and returns
// its id and how to end it.
func (s *system) gated(args ...string) (id string, open func()) {
	s.t.Helper()
	gate := filepath.Join(s.dir, "gate")
	submit := append([]string{"submit"}, args...)
	id = s.brokers[0].ok(append(submit, "sh", "-c", `while ! [ -e "$0" ]; do sleep 0.1; done; echo the end`, gate)...)
	s.brokers[0].ok("job", "wait-event", "-p", "exec", id, "shell.start")
	return id, func() { writeFile(s.t, s.dir, "gate", "") }
}

// undisturbed checks that a job ended as if nothing had happened.
func (s *system) undisturbed(id string, tasks int) {
	s.t.Helper()
	r := s.brokers[0].flux("job", "attach", id)
	if r.code != 0 || strings.Count(r.stdout, "the end\n") != tasks {
		s.t.Errorf("the job: exit %d, output %q\n%s", r.code, r.stdout, r.stderr)
	}
	log := s.brokers[0].ok("job", "eventlog", id)
	if strings.Contains(log, "exception") || strings.Count(log, " start") != 1 {
		s.t.Errorf("event log:\n%s", log)
	}
}

// A leader that is killed and comes back finds its followers waiting for it:
// their processes, their clients' connections and the job are the same ones.
func TestLeaderReturns(t *testing.T) {
	s := newSystem(t, 3, "")
	s.up()
	id, open := s.gated("-N3")
	s.brokers[0].kill()
	// A follower says at once that there is no way to the leader.
	s.brokers[1].until("fake0 (rank 0) closed the connection: connecting anew", "dmesg")
	if r := s.brokers[2].flux("kvs", "get", "x"); r.code == 0 || !strings.Contains(r.stderr, "lost contact with fake0") {
		t.Errorf("a request without a leader: exit %d, %s", r.code, r.stderr)
	}
	s.brokers[0].start()
	s.online()
	open()
	s.undisturbed(id, 3)
	for _, d := range s.brokers[1:] {
		d.signal(0) // it is the one that was started first
	}
}

// All brokers die and come back, and no task notices.
func TestAllReturn(t *testing.T) { withoutBrokers(t, (*daemon).kill) }

// The init system stops all brokers, in order, and starts them again: the jobs
// that run are none of theirs to end.
func TestAllStopped(t *testing.T) { withoutBrokers(t, (*daemon).stop) }

// withoutBrokers ends all brokers while a job runs, and starts them again.
func withoutBrokers(t *testing.T, end func(*daemon)) {
	t.Helper()
	s := newSystem(t, 3, "")
	s.up()
	id, open := s.gated("-N3")
	for _, d := range s.brokers {
		end(d)
	}
	open()
	s.up()
	s.undisturbed(id, 3)
}

// A router that dies and comes back within its time takes no job with it, be it
// its own or one of those below it.
func TestRouterReturns(t *testing.T) {
	s := newSystem(t, 3, "")
	s.up()
	id, open := s.gated("-N3")
	s.brokers[1].kill()
	s.brokers[0].until("lost connection", "overlay", "errors", "--timeout=0")
	s.brokers[0].until("2", "resource", "list", "-s", "down", "-no", "{nnodes}")
	s.brokers[1].start()
	s.online()
	open()
	s.undisturbed(id, 3)
	s.brokers[2].signal(0)
}

// A node that does not come back costs its jobs an exception that says so, and
// when it comes back later, what is left of them on it is ended.
func TestNodeLost(t *testing.T) {
	s := newSystem(t, 2, "[exec]\nnode-return-timeout = \"1s\"\n")
	s.up()
	id, _ := s.gated("-N2")
	s.brokers[1].kill()
	s.brokers[0].ok("job", "wait-event", id, "clean")
	log := s.brokers[0].ok("job", "eventlog", id)
	if !strings.Contains(log, `exception type="node-failure" severity=0`) || !strings.Contains(log, "node failure on fake1 (rank 1)") {
		t.Errorf("event log:\n%s", log)
	}
	if r := s.brokers[0].flux("job", "attach", id); r.code == 0 || !strings.Contains(r.stderr, "lost contact with fake1 (rank 1)") {
		t.Errorf("who follows the job reads: exit %d\n%s", r.code, r.stderr)
	}
}

// A broker that is stopped is torpid: its node gets no work until it goes on.
func TestTorpid(t *testing.T) {
	s := newSystem(t, 2, "[tbon]\ntorpid_min = \"100ms\"\ntorpid_max = \"1s\"\n[heartbeat]\nperiod = \"100ms\"\n")
	s.up()
	s.brokers[1].signal(syscall.SIGSTOP)
	s.brokers[0].until("1", "resource", "list", "-s", "down", "-no", "{nnodes}")
	if log := s.brokers[0].ok("dmesg"); !strings.Contains(log, "broker on fake1 (rank 1) has been unresponsive for") {
		t.Errorf("the log does not tell of it:\n%s", log)
	}
	s.brokers[1].signal(syscall.SIGCONT)
	s.brokers[0].until("0", "resource", "list", "-s", "down", "-no", "{nnodes}")
	s.brokers[0].ok("run", "-N2", "true")
}

// A broker that is sent a fault's signal ends by it, as programs do.
func TestFaultSignal(t *testing.T) {
	s := newSystem(t, 1, "")
	s.up()
	s.brokers[0].signal(syscall.SIGSEGV)
	<-s.brokers[0].done
	if ws := s.brokers[0].cmd.ProcessState.Sys().(syscall.WaitStatus); !ws.Signaled() || ws.Signal() != syscall.SIGSEGV {
		t.Errorf("the broker ended with status %v", ws)
	}
	s.up()
}
