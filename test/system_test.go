// SPDX-License-Identifier: LGPL-3.0-or-later

package test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"goflux/internal/testkit/instance"
)

// system is an instance booted by configuration, each broker started by itself
// as an init system would: the parent of rank n is rank n-1, so that rank 1 of
// three is a router.
type system struct {
	t       *testing.T
	dir     string
	conf    string
	brokers []*daemon
}

// daemon is a broker of a system.
type daemon struct {
	s    *system
	rank int
	addr string // where its children connect to, and where it binds
	bind string
	cmd  *exec.Cmd
	log  bytes.Buffer // read it when done is closed
	done chan struct{}
}

// newSystem writes the configuration of an instance of that size; extra is more
// TOML. The brokers are not started.
func newSystem(t *testing.T, size int, extra string) *system {
	t.Helper()
	s := &system{t: t, dir: shortDir(t)}
	for rank := range size {
		d := &daemon{s: s, rank: rank, bind: freeAddress(t), done: make(chan struct{})}
		d.addr = d.bind
		close(d.done)
		s.brokers = append(s.brokers, d)
		mkdir(t, s.dir, fmt.Sprintf("run%d", rank))
	}
	mkdir(t, s.dir, "state")
	cert := filepath.Join(s.dir, "cert")
	if out, err := exec.Command(fluxPath(), "keygen", cert).CombinedOutput(); err != nil {
		t.Fatalf("flux keygen: %v\n%s", err, out)
	}
	s.write(cert, extra)
	t.Cleanup(func() {
		for i := range s.brokers {
			s.brokers[len(s.brokers)-1-i].stop()
		}
		for _, p := range instance.Marked(s.mark()) { // what outlives a broker for good reasons
			_ = syscall.Kill(p.PID, syscall.SIGKILL)
		}
		if t.Failed() {
			for _, d := range s.brokers {
				t.Logf("rank %d said:\n%s", d.rank, d.log.String())
			}
		}
	})
	return s
}

// mark is in the environment of all that the instance starts.
func (s *system) mark() string { return "SYSTEM_MARK=" + s.dir }

func (s *system) write(cert, extra string) {
	s.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "[bootstrap]\ncurve_cert = %q\n", cert)
	for _, d := range s.brokers {
		fmt.Fprintf(&b, "[[bootstrap.hosts]]\nhost = \"fake%d\"\nbind = \"tcp://%s\"\nconnect = \"tcp://%s\"\n", d.rank, d.bind, d.addr)
		if d.rank > 0 {
			fmt.Fprintf(&b, "parent = \"fake%d\"\n", d.rank-1)
		}
	}
	fmt.Fprintf(&b, "[resource]\nnoverify = true\n[[resource.config]]\nhosts = \"fake[0-%d]\"\ncores = \"0\"\n%s", len(s.brokers)-1, extra)
	s.conf = writeFile(s.t, s.dir, "flux.toml", b.String())
}

// freeAddress is an address nobody listens on. It is one of the many that a
// host has for itself, so that no connection that is made meanwhile takes it.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", fmt.Sprintf("127.%d.%d.%d:0", 1+rand.IntN(250), rand.IntN(250), 2+rand.IntN(250)))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func mkdir(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
		t.Fatal(err)
	}
}

// up starts the brokers that do not run and waits until all are online.
func (s *system) up() {
	s.t.Helper()
	for _, d := range s.brokers {
		d.start()
	}
	s.online()
}

// online waits until all brokers are connected.
func (s *system) online() {
	s.t.Helper()
	s.brokers[0].until("full", "overlay", "status", "--summary", "--timeout=0")
	s.brokers[0].until(fmt.Sprint(len(s.brokers)), "resource", "list", "-s", "up", "-no", "{nnodes}")
}

func (d *daemon) args(extra ...string) []string {
	run := filepath.Join(d.s.dir, fmt.Sprintf("run%d", d.rank))
	args := []string{
		"broker", "--config-path=" + d.s.conf, fmt.Sprintf("-Shostname=fake%d", d.rank), "-Srundir=" + run,
		"-Slocal-uri=" + d.uri(), "-Sbroker.rc2_none=1", "-Sbroker.quorum=1", "-Slog-stderr-mode=local",
	}
	if d.rank == 0 {
		args = append(args, "-Sstatedir="+filepath.Join(d.s.dir, "state"))
	}
	return append(args, extra...)
}

func (d *daemon) uri() string {
	return "local://" + filepath.Join(d.s.dir, fmt.Sprintf("run%d", d.rank), "local")
}

// start starts the broker, unless it runs.
func (d *daemon) start() {
	d.s.t.Helper()
	select {
	case <-d.done:
	default:
		return
	}
	d.cmd = exec.Command(fluxPath(), d.args()...)
	d.cmd.Env = append(os.Environ(), d.s.mark())
	d.cmd.Stderr = &d.log
	if err := d.cmd.Start(); err != nil {
		d.s.t.Fatal(err)
	}
	d.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) { _ = cmd.Wait(); close(done) }(d.cmd, d.done)
}

// signal sends a signal to the broker, which runs.
func (d *daemon) signal(sig syscall.Signal) {
	d.s.t.Helper()
	select {
	case <-d.done:
		d.s.t.Fatalf("rank %d has ended:\n%s", d.rank, d.log.String())
	default:
	}
	if err := d.cmd.Process.Signal(sig); err != nil {
		d.s.t.Fatal(err)
	}
}

// kill ends the broker as a crash does.
func (d *daemon) kill() {
	d.s.t.Helper()
	d.signal(syscall.SIGKILL)
	<-d.done
}

func (d *daemon) stop() {
	if d.cmd == nil {
		return
	}
	_ = d.cmd.Process.Signal(syscall.SIGCONT) // the process may have ended
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.done:
	case <-time.After(patience):
		_ = d.cmd.Process.Kill()
		<-d.done
		d.s.t.Errorf("rank %d does not stop", d.rank)
	}
}

func (d *daemon) flux(args ...string) result {
	d.s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, fluxPath(), args...)
	cmd.Env = append(os.Environ(), "FLUX_URI="+d.uri())
	return runCommand(ctx, d.s.t, cmd, "")
}

func (d *daemon) ok(args ...string) string {
	d.s.t.Helper()
	r := d.flux(args...)
	if r.code != 0 {
		d.s.t.Fatalf("rank %d: flux %s: exit %d\n%s%s", d.rank, strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return strings.TrimRight(r.stdout, "\n")
}

// until runs "flux args…" until it succeeds and what it prints has want in it.
func (d *daemon) until(want string, args ...string) {
	d.s.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		r := d.flux(args...)
		if r.code == 0 && strings.Contains(r.stdout, want) {
			return
		}
		if time.Now().After(deadline) {
			d.s.t.Fatalf("flux %s still prints %q, not %q\n%s", strings.Join(args, " "), r.stdout, want, r.stderr)
		}
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
