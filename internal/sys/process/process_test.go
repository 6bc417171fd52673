// SPDX-License-Identifier: LGPL-3.0-or-later

package process

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

var env = []string{"PATH=/usr/bin:/bin", "A=1"}

// start starts a child and returns a function that waits for its end.
func start(t *testing.T, s Spec) (*Process, func() syscall.WaitStatus) {
	t.Helper()
	r := NewReaper()
	t.Cleanup(r.Close)
	if s.Env == nil {
		s.Env = env
	}
	p, err := Start(&s)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan syscall.WaitStatus, 4)
	r.Watch(p.Pid, func(st syscall.WaitStatus) { ended <- st })
	return p, func() syscall.WaitStatus { return <-ended }
}

func output(t *testing.T, s Spec) string {
	t.Helper()
	s.Stdout, s.Stderr = Pipe, Inherit
	p, wait := start(t, s)
	out, err := io.ReadAll(p.Stdout)
	if err != nil {
		t.Fatal(err)
	}
	if st := wait(); st != 0 {
		t.Fatalf("status %#x, output %q", st, out)
	}
	return string(out)
}

func TestStatuses(t *testing.T) {
	for _, tc := range []struct {
		script string
		status syscall.WaitStatus
	}{{"exit 0", 0}, {"exit 7", 7 << 8}, {"kill -9 $$", 9}} {
		_, wait := start(t, Spec{Args: []string{"sh", "-c", tc.script}, Group: true})
		if st := wait(); st&^0x80 != tc.status {
			t.Errorf("%s: status %#x, want %#x", tc.script, st, tc.status)
		}
	}
}

func TestStopAndKillGroup(t *testing.T) {
	p, wait := start(t, Spec{Args: []string{"sh", "-c", "sleep 1000 & echo up; wait"}, Stdout: Pipe, Group: true})
	if _, err := io.ReadFull(p.Stdout, make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if st := wait(); !st.Stopped() {
		t.Errorf("status %#x, want stopped", st)
	}
	if err := errors.Join(p.Kill(syscall.SIGKILL)); err != nil {
		t.Fatal(err)
	}
	if st := wait(); !st.Signaled() || st.Signal() != syscall.SIGKILL {
		t.Errorf("status %#x, want killed", st)
	}
	if b, err := io.ReadAll(p.Stdout); err != nil || len(b) != 0 {
		t.Errorf("the sleep of the group lives: %q %v", b, err) // else its end of the pipe would keep us here
	}
}

func TestEnvironmentAndDirectory(t *testing.T) {
	dir := t.TempDir()
	got := output(t, Spec{Args: []string{"sh", "-c", "echo $A $B; pwd -P"}, Env: append(env, "B=1", "A=2", "B=3"), Dir: dir})
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got != "2 3\n"+real+"\n" {
		t.Errorf("got %q", got)
	}
}

func TestStdinAndChannel(t *testing.T) {
	p, wait := start(t, Spec{
		Args:  []string{"sh", "-c", `cat; eval "read line <&$CHAN; echo got:\$line >&$CHAN"`},
		Stdin: Pipe, Stdout: Pipe, Stderr: Inherit, Channels: []string{"OTHER", "CHAN"},
	})
	in := NewInput(p.Stdin, 100, nil)
	if err := in.Write([]byte("hello\n")); err != nil {
		t.Fatal(err)
	}
	in.Close()
	ch := p.Channels["CHAN"]
	if _, err := io.WriteString(ch, "you\n"); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(ch); string(b) != "got:you\n" || err != nil {
		t.Errorf("channel: %q, %v", b, err)
	}
	if out, err := io.ReadAll(p.Stdout); string(out) != "hello\n" && err == nil {
		t.Errorf("stdout %q, %v", out, err)
	}
	if st := wait(); st != 0 {
		t.Errorf("status %#x", st)
	}
	if err := p.Kill(syscall.SIGTERM); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("kill after the end: %v", err)
	}
}

func TestStartErrors(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		spec Spec
		want syscall.Errno
		op   string
	}{
		{Spec{Args: []string{"no-such-program"}, Env: env}, syscall.ENOENT, "exec"},
		{Spec{Args: []string{"./no-such-program"}, Env: env, Dir: dir}, syscall.ENOENT, "exec"},
		{Spec{Args: []string{"/"}, Env: env}, syscall.EACCES, "exec"},
		{Spec{Args: []string{"plain"}, Env: []string{"PATH=/nonexistent:" + dir}}, syscall.EACCES, "exec"},
		{Spec{Args: []string{""}, Env: env}, syscall.ENOENT, "exec"},
		{Spec{}, syscall.EINVAL, "exec"},
		{Spec{Args: []string{"true"}, Env: env, Dir: "/nonexistent"}, syscall.ENOENT, "chdir"},
		{Spec{Args: []string{"true"}, Env: env, Dir: plain}, syscall.ENOTDIR, "chdir"},
	} {
		_, err := Start(&tc.spec)
		var e *Error
		if !errors.As(err, &e) || !errors.Is(err, tc.want) || e.Op != tc.op {
			t.Errorf("%q: got %v, want %s: %v", tc.spec.Args, err, tc.op, tc.want)
		}
	}
}

func TestRelativePathIsSearchedInDir(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "script"), []byte("echo ran $1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"./script", "a"}, {"script", "a"}} {
		// Without an interpreter line: /bin/sh runs it.
		if got := output(t, Spec{Args: args, Env: []string{"PATH=."}, Dir: dir}); got != "ran a\n" {
			t.Errorf("%q: %q", args, got)
		}
	}
}

func TestLimitsAndAffinity(t *testing.T) {
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &before); err != nil {
		t.Fatal(err)
	}
	got := output(t, Spec{
		Args:   []string{"sh", "-c", "ulimit -n; ulimit -c; grep Cpus_allowed_list /proc/self/status"},
		Limits: []Limit{{unix.RLIMIT_NOFILE, 77}, {unix.RLIMIT_CORE, 0}, {unix.RLIMIT_AS, 1 << 40}},
		CPUs:   []int{firstCPU(t)},
	})
	if want := "77\n0\nCpus_allowed_list:\t" + strconv.Itoa(firstCPU(t)) + "\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	var after unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &after); err != nil || before != after {
		t.Errorf("our limit changed from %v to %v (%v)", before, after, err)
	}
}

func firstCPU(t *testing.T) int {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		if set.IsSet(i) {
			return i
		}
	}
}

func TestStopAtExec(t *testing.T) {
	p, wait := start(t, Spec{Args: []string{"echo", "went on"}, Stdout: Pipe, Group: true, StopAtExec: true})
	if st := wait(); !st.Stopped() {
		t.Fatalf("status %#x, want stopped", st)
	}
	if err := p.Kill(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if out, err := io.ReadAll(p.Stdout); string(out) != "went on\n" || err != nil {
		t.Errorf("got %q, %v", out, err)
	}
	if st := wait(); st != 0 {
		t.Errorf("status %#x", st)
	}
}

func TestManyChildrenOneReaper(t *testing.T) {
	r := NewReaper()
	defer r.Close()
	var wg sync.WaitGroup
	for range 20 {
		p, err := Start(&Spec{Args: []string{"true"}, Env: env})
		if err != nil {
			t.Fatal(err)
		}
		wg.Add(1)
		r.Watch(p.Pid, func(st syscall.WaitStatus) {
			if st != 0 {
				t.Errorf("status %#x", st)
			}
			wg.Done()
		})
	}
	wg.Wait()
}

type reads struct{ parts [][]byte }

func (r *reads) Read(b []byte) (int, error) {
	if len(r.parts) == 0 {
		return 0, io.EOF
	}
	n := copy(b, r.parts[0])
	if r.parts[0] = r.parts[0][n:]; len(r.parts[0]) == 0 {
		r.parts = r.parts[1:]
	}
	return n, nil
}

// However the data comes in, all of it goes out, in whole lines while they
// fit the limit.
func TestPump(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.Custom(func(t *rapid.T) []byte {
			return []byte(rapid.StringOfN(rapid.SampledFrom([]rune("ab\n")), 1, 20, -1).Draw(t, "part"))
		})).Draw(t, "parts")
		limit := rapid.IntRange(1, 30).Draw(t, "limit")
		want := string(bytes.Join(parts, nil))
		var got []string
		Pump(&reads{parts}, true, limit, func(b []byte) { got = append(got, string(b)) })
		if strings.Join(got, "") != want {
			t.Fatalf("got %q, want %q", got, want)
		}
		for i, g := range got {
			if g == "" || !strings.HasSuffix(g, "\n") && len(g) < limit && i < len(got)-1 {
				t.Fatalf("piece %q of %q", g, got)
			}
		}
	})
}

func TestInputCredit(t *testing.T) {
	r, w := io.Pipe()
	credits := make(chan int, 10)
	in := NewInput(w, 10, func(n int) { credits <- n })
	if err := errors.Join(in.Write([]byte("12345")), in.Write([]byte("67890"))); err != nil {
		t.Fatal(err)
	}
	if err := in.Write([]byte("x")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("overrun: %v", err)
	}
	buf := make([]byte, 5)
	if _, err := io.ReadFull(r, buf); err != nil {
		t.Fatal(err)
	}
	if n := <-credits; n != 5 {
		t.Errorf("credit %d", n)
	}
	if err := in.Write([]byte("abcde")); err != nil {
		t.Errorf("after credit: %v", err)
	}
	in.Close()
	rest, err := io.ReadAll(r)
	if string(rest) != "67890abcde" || err != nil {
		t.Errorf("rest %q, %v", rest, err)
	}
	if err := in.Write([]byte("late")); err != nil {
		t.Errorf("after the end: %v", err)
	}
}

// A child that closes its input must not hold up the sender.
func TestInputToNobody(t *testing.T) {
	r, w := io.Pipe()
	r.Close()
	credits := make(chan int, 1)
	in := NewInput(w, 10, func(n int) { credits <- n })
	if err := in.Write([]byte("123")); err != nil {
		t.Fatal(err)
	}
	if n := <-credits; n != 3 {
		t.Errorf("credit %d", n)
	}
}
