// SPDX-License-Identifier: LGPL-3.0-or-later

package session

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"goflux/flux"
)

// quiet collects what a session tells.
type quiet struct {
	mu   sync.Mutex
	text strings.Builder
}

func (q *quiet) log(s string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.text.WriteString(s + "\n")
}

func (q *quiet) String() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.text.String()
}

func run(t *testing.T, size int, timeout time.Duration, leader bool, script string) (int, string) {
	t.Helper()
	var q quiet
	code, err := Run(Options{
		Size: size, Rundir: t.TempDir(), Clique: "single", ExitTimeout: timeout, LeaderExit: leader, Log: q.log,
		Command: func(int) []string { return []string{"/bin/sh", "-c", script} },
	})
	if err != nil {
		t.Fatal(err)
	}
	return code, q.String()
}

// The session's exit status is the greatest, or the leader's.
func TestExitStatus(t *testing.T) {
	if code, _ := run(t, 3, time.Minute, false, "exit $PMI_RANK"); code != 2 {
		t.Errorf("the greatest of 0, 1, 2 is %d", code)
	}
	if code, _ := run(t, 3, time.Minute, true, "exit $PMI_RANK"); code != 0 {
		t.Errorf("the leader's status is %d", code)
	}
	if code, text := run(t, 1, time.Minute, false, "kill -KILL $$"); code != 137 || !strings.Contains(text, "Killed") {
		t.Errorf("a killed broker: %d, %q", code, text)
	}
}

// Who outlives the one that counts for too long is killed.
func TestExitTimeout(t *testing.T) {
	code, text := run(t, 2, 10*time.Millisecond, false, "test $PMI_RANK = 0 || exec sleep 600")
	if code != 137 || !strings.Contains(text, "killed rank 1") {
		t.Errorf("exit %d, %q", code, text)
	}
}

func TestAbort(t *testing.T) {
	code, text := run(t, 2, time.Minute, false,
		"test $PMI_RANK = 0 || exec sleep 600; echo cmd=abort exitcode=3 >&3; exec sleep 600")
	if code != 137 || !strings.Contains(text, "PMI_Abort()") {
		t.Errorf("exit %d, %q", code, text)
	}
}

func TestCliques(t *testing.T) {
	for mode, want := range map[string]int{"single": 1, "per-broker": 4, "[[0,2,2,1]]": 2} {
		m, err := clique(mode, 4)
		if err != nil {
			t.Errorf("%s: %v", mode, err)
			continue
		}
		if m.TotalNodes() != want {
			t.Errorf("%s: %d nodes", mode, m.TotalNodes())
		}
	}
	if m, err := clique("none", 4); err != nil || !m.Unknown() {
		t.Errorf("none: %v, %v", m, err)
	}
	if _, err := clique("mine", 4); err == nil {
		t.Error("clique \"mine\" is taken")
	}
}

// Tests kill, await and start brokers by the control socket.
func TestControl(t *testing.T) {
	dir := t.TempDir()
	var q quiet
	ended, begun := make(chan int, 1), make(chan struct{}, 8)
	go func() {
		code, err := Run(Options{
			Size: 2, Rundir: dir, LeaderExit: true, ExitTimeout: time.Minute, Log: q.log,
			Command: func(int) []string {
				begun <- struct{}{}
				return []string{"/bin/sleep", "600"}
			},
		})
		if err != nil {
			t.Error(err)
		}
		ended <- code
	}()
	<-begun
	<-begun // it listens, and all will have been started before it answers
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	h, err := flux.Open(ctx, "local://"+filepath.Join(dir, "start"))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	pid := func(rank int) int {
		var st struct {
			Procs []struct {
				Pid int `json:"pid"`
			} `json:"procs"`
		}
		if err := h.RPC(ctx, "start.status", flux.NodeAny, nil, &st); err != nil || len(st.Procs) != 2 {
			t.Fatalf("%+v, %v", st, err)
		}
		return st.Procs[rank].Pid
	}
	ask := func(method string, rank int, resp any) error {
		return h.RPC(ctx, "start."+method, flux.NodeAny, target{Rank: rank, Signum: int(syscall.SIGTERM)}, resp)
	}
	var end struct {
		Code int `json:"exit_rc"`
	}
	if err := ask("kill", 1, nil); err != nil {
		t.Fatal(err)
	}
	if err := ask("wait", 1, &end); err != nil || end.Code != 128+int(syscall.SIGTERM) {
		t.Errorf("waited: %+v, %v", end, err)
	}
	if got := pid(1); got != -1 {
		t.Errorf("a broker that has ended has pid %d", got)
	}
	if err := ask("run", 1, nil); err != nil || pid(1) <= 0 {
		t.Errorf("started again: %v", err)
	}
	if err := ask("run", 1, nil); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("started twice: %v", err)
	}
	if err := ask("kill", 7, nil); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("rank 7: %v", err)
	}
	if err := ask("dance", 0, nil); !errors.Is(err, syscall.ENOSYS) {
		t.Errorf("an unknown method: %v", err)
	}
	for rank := range 2 {
		if err := ask("kill", rank, nil); err != nil {
			t.Error(err)
		}
	}
	if code := <-ended; code != 128+int(syscall.SIGTERM) {
		t.Errorf("the session ended with %d", code)
	}
}
