// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"goflux/internal/message"
)

// goOn lets tasks go on that wait for the file "go".
func (b *brokers) goOn() {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, "go"), nil, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// What a shell has to tell the leader's waits while that one's broker is away:
// its output arrives, once, and so does that its tasks have ended.
func TestLeadersBrokerRestarts(t *testing.T) {
	t.Setenv("SHELL_TEST_RECONNECT", "1")
	b := newBrokers(t, 2)
	r := b.run(testJob{command: sh("echo before $FLUX_TASK_RANK; until test -e go; do sleep 0.02; done; echo after; touch done.$FLUX_TASK_RANK"), tasks: 2})
	for rank := range 2 {
		b.waitStream("output", fmt.Sprintf("before %d", rank))
	}
	b.down(0)
	b.goOn()
	for rank := range 2 {
		for {
			if _, err := os.Stat(filepath.Join(b.dir, fmt.Sprintf("done.%d", rank))); err == nil {
				break
			}
		}
	}
	_ = os.Remove(b.path(0))
	b.up(0)
	expect(t, "exit", r.wait(), []int{0, 0})
	expect(t, "stdout", b.output("stdout"), map[string]string{"0": "before 0\nafter\n$", "1": "before 1\nafter\n$"})
}

// Tasks wait in a PMI barrier while the broker of a shell below is restarted:
// the shell asks again, and is the same child.
func TestPMIExchangeAgain(t *testing.T) {
	t.Setenv("SHELL_TEST_RECONNECT", "1")
	b := newBrokers(t, 2)
	script := `
say() { echo "$1" >&$PMI_FD; read -r answer <&$PMI_FD; }
say "cmd=init pmi_version=1 pmi_subversion=1"
say "cmd=put kvsname=x key=k$PMI_RANK value=from $PMI_RANK"
test $PMI_RANK = 1 || until test -e go; do sleep 0.02; done
say "cmd=barrier_in"
say "cmd=get kvsname=x key=k$(( (PMI_RANK + 1) % PMI_SIZE ))"; echo "$answer"
say "cmd=finalize"`
	r := b.run(testJob{command: []string{"bash", "-c", script}, tasks: 2})
	b.waitSeen("pmi-exchange", 1)
	b.restart(1)
	b.waitSeen("pmi-exchange", 2)
	b.goOn()
	expect(t, "exit", r.wait(), []int{0, 0})
	expect(t, "stdout", b.output("stdout"), map[string]string{
		"0": "cmd=get_result rc=0 value=from 1\n$", "1": "cmd=get_result rc=0 value=from 0\n$",
	})
}

// Somebody who asks as soon as the shell's service is back gets the answer.
func TestAskedAtOnce(t *testing.T) {
	t.Setenv("SHELL_TEST_RECONNECT", "1")
	b := newBrokers(t, 1)
	r := b.run(testJob{command: sh("until test -e go; do sleep 0.02; done")})
	b.waitStream("exec", "shell.start")
	b.mu.Lock()
	b.greeting = message.NewRequest(fmt.Sprintf("%d-shell-%s.proctable", os.Getuid(), testID.F58ASCII()), 0, struct{}{})
	b.greeting.Matchtag = 7
	b.greeting.Cred = message.Cred{UserID: b.owner, Rolemask: message.RoleOwner}
	b.mu.Unlock()
	b.restart(0)
	if err := b.response().Err(); err != nil {
		t.Error(err)
	}
	b.mu.Lock()
	b.offered()
	b.mu.Unlock()
	b.goOn()
	expect(t, "exit", r.wait(), []int{0})
}

// A broker that has just been started takes shells' services when it is at work.
func TestBrokerNotYetAtWork(t *testing.T) {
	t.Setenv("SHELL_TEST_RECONNECT", "1")
	b := newBrokers(t, 1)
	b.notYet = 2
	r := b.run(testJob{command: sh("echo here")})
	expect(t, "exit", r.wait(), []int{0})
	expect(t, "stdout", b.output("stdout")["0"], "here\n$")
}

// A shell may be started by a broker that does not listen yet.
func TestBrokerNotYetListening(t *testing.T) {
	b := newBrokers(t, 1)
	b.down(0)
	_ = os.Remove(b.path(0))
	done := make(chan error, 1)
	go func() {
		k, err := openLink(newLoop(), "local://"+b.path(0), true, nil)
		if err == nil {
			k.close()
		}
		done <- err
	}()
	select { // time enough to fail
	case err := <-done:
		t.Fatalf("connecting to nobody: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	b.up(0)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := openLink(newLoop(), "local://"+b.path(0)+".none", false, nil); err == nil {
		t.Error("a shell that does not connect again waits for a broker")
	}
}
