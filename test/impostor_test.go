// SPDX-License-Identifier: LGPL-3.0-or-later

package test

import (
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// impostor runs a broker that is none of the instance's, to its end.
func (d *daemon) impostor(name string, extra ...string) (text string) {
	d.s.t.Helper()
	mkdir(d.s.t, d.s.dir, name)
	run := filepath.Join(d.s.dir, name)
	args := d.args(append([]string{"-Srundir=" + run, "-Slocal-uri=local://" + run + "/local"}, extra...)...)
	out, err := exec.Command(fluxPath(), args...).CombinedOutput()
	if err == nil {
		d.s.t.Errorf("%s was let in", name)
	}
	return string(out)
}

// A broker of a rank that is taken, or of a rank that the parent has no child
// of, is refused in words, and nobody else notices.
func TestImpostors(t *testing.T) {
	s := newSystem(t, 3, "")
	s.up()
	if text := s.brokers[1].impostor("second"); !strings.Contains(text, "address already in use") {
		t.Errorf("a second broker where the first listens:\n%s", text)
	}
	if text := s.brokers[2].impostor("twin"); !strings.Contains(text, "another broker of rank 2 is connected and alive") {
		t.Errorf("a second broker of a rank:\n%s", text)
	}
	if log := s.brokers[1].ok("dmesg"); !strings.Contains(log, "rejecting connection from fake2 (rank 2): another broker of rank 2 is connected and alive") {
		t.Errorf("the parent does not tell of it:\n%s", log)
	}
	// With another tree in mind.
	conf := strings.ReplaceAll(readFile(t, s.conf), `parent = "fake1"`, `parent = "fake0"`)
	other := writeFile(t, s.dir, "other.toml", conf)
	if text := s.brokers[2].impostor("astray", "--config-path="+other); !strings.Contains(text, "rank 2 is not a child of rank 0: mismatched config?") {
		t.Errorf("a broker with another configuration:\n%s", text)
	}
	s.online()
	s.brokers[0].ok("run", "-N3", "true")
}

// A broker with another key never gets as far as saying who it is.
func TestWrongKey(t *testing.T) {
	s := newSystem(t, 2, "")
	s.brokers[0].start()
	s.brokers[0].until("partial", "overlay", "status", "--summary", "--timeout=0")
	cert := filepath.Join(s.dir, "cert2")
	if out, err := exec.Command(fluxPath(), "keygen", cert).CombinedOutput(); err != nil {
		t.Fatalf("flux keygen: %v\n%s", err, out)
	}
	real := s.conf
	s.write(cert, "")
	forged := writeFile(t, s.dir, "forged.toml", readFile(t, s.conf))
	s.write(filepath.Join(s.dir, "cert"), "")
	s.conf = forged
	s.brokers[1].start()
	s.conf = real
	s.brokers[0].until("tls: bad certificate", "dmesg")
	s.brokers[1].kill()
	s.up()
}

// Strangers who connect and say nothing cost little and keep nobody out.
func TestStrangers(t *testing.T) {
	s := newSystem(t, 2, "")
	s.brokers[0].start()
	s.brokers[0].until("partial", "overlay", "status", "--summary", "--timeout=0")
	const flood = 600
	conns := make([]net.Conn, 0, flood)
	defer func() {
		for _, nc := range conns {
			nc.Close()
		}
	}()
	for range flood {
		nc, err := net.Dial("tcp", s.brokers[0].addr)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, nc)
	}
	s.brokers[0].until("too many connections from there have not said who they are", "dmesg")
	// Most were turned away at once.
	closed := 0
	for _, nc := range conns {
		_ = nc.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if _, err := nc.Read(make([]byte, 1)); err == io.EOF || isReset(err) {
			closed++
		}
	}
	if closed < flood-100 {
		t.Errorf("%d of %d strangers were turned away", closed, flood)
	}
	if log := s.brokers[0].ok("dmesg"); strings.Count(log, "rejecting connection") > 10 {
		t.Errorf("strangers fill the log:\n%s", log)
	}
	for _, nc := range conns {
		nc.Close()
	}
	conns = nil
	s.up()
}

func isReset(err error) bool {
	return err != nil && strings.Contains(err.Error(), syscall.ECONNRESET.Error())
}

// A network that fails and works again is an interruption: the follower finds
// its parent again, and what was on it goes on.
func TestPartition(t *testing.T) {
	s := newSystem(t, 2, "")
	p := newWire(t, s.brokers[0].bind)
	s.brokers[0].addr = p.addr
	s.write(filepath.Join(s.dir, "cert"), "")
	s.up()
	id, open := s.gated("-N2")
	p.cut()
	s.brokers[0].until("lost connection", "overlay", "errors", "--timeout=0")
	if r := s.brokers[0].flux("ping", "--count=1", "1"); r.code == 0 || !strings.Contains(r.stderr, "No route to host") {
		t.Errorf("a request to the lost node: exit %d, %s", r.code, r.stderr)
	}
	p.mend()
	s.online()
	open()
	s.undisturbed(id, 2)
	s.brokers[1].signal(0)
}

// wire passes connections on to an address until it is cut.
type wire struct {
	addr string
	mu   sync.Mutex
	off  bool
	all  []net.Conn
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{addr: ln.Addr().String()}
	t.Cleanup(func() { ln.Close(); w.cut() })
	go func() {
		for {
			a, err := ln.Accept()
			if err != nil {
				return
			}
			w.pass(a, to)
		}
	}()
	return w
}

func (w *wire) pass(a net.Conn, to string) {
	b, err := net.Dial("tcp", to)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil || w.off {
		a.Close()
		if b != nil {
			b.Close()
		}
		return
	}
	w.all = append(w.all, a, b)
	go func() { _, _ = io.Copy(a, b); a.Close() }()
	go func() { _, _ = io.Copy(b, a); b.Close() }()
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.off = true
	for _, nc := range w.all {
		nc.Close()
	}
	w.all = nil
}

func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.off = false
}
