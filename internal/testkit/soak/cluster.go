// SPDX-License-Identifier: LGPL-3.0-or-later

package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"goflux/internal/testkit/instance"
)

// cluster is the brokers, each on what would be its own node: a hostname, a run
// directory and a lasting state directory.
type cluster struct {
	opt   Options
	mark  string
	nodes []*node
	wg    sync.WaitGroup
	ended atomic.Int64 // when a broker was last told to end in order, in ns
}

// node is a broker and what starts it again.
type node struct {
	c    *cluster
	rank int
	dir  string
	rnd  *rand.Rand

	mu      sync.Mutex
	cmd     *exec.Cmd // nil while there is none
	stopped bool      // by SIGSTOP
	over    bool      // it is not to be started again
	wake    chan struct{}
	starts  int
	codes   map[int]int // how often it ended by itself before its time, by exit status
}

// fanout makes a broker that is neither leader nor leaf among four.
const fanout = 2

// How long a broker that ended is down, as RestartSec= of a service unit.
const (
	restartLeast = 50 * time.Millisecond
	restartMost  = 500 * time.Millisecond
)

func newCluster(opt Options, rnd *rand.Rand) (*cluster, error) {
	c := &cluster{opt: opt, mark: instance.NewMark()}
	conf := filepath.Join(opt.Dir, "conf.toml")
	cert := filepath.Join(opt.Dir, "curve.cert")
	keygen := exec.Command(opt.Flux, "keygen", cert)
	if out, err := keygen.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("flux keygen: %w: %s", err, out)
	}
	for rank := range opt.Brokers {
		n := &node{
			c: c, rank: rank, dir: filepath.Join(opt.Dir, fmt.Sprintf("n%d", rank)),
			rnd: rand.New(rand.NewPCG(rnd.Uint64(), uint64(rank))), wake: make(chan struct{}, 1), codes: map[int]int{},
		}
		for _, d := range []string{"run", "state"} {
			if err := os.MkdirAll(filepath.Join(n.dir, d), 0o700); err != nil {
				return nil, err
			}
		}
		c.nodes = append(c.nodes, n)
	}
	return c, os.WriteFile(conf, []byte(c.config(cert)), 0o600)
}

// config is the configuration that all brokers share. A node has more cores
// than any test machine, so that jobs wait for drained nodes, not for each other.
func (c *cluster) config(cert string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[bootstrap]\ncurve_cert = %q\n", cert)
	for _, n := range c.nodes {
		fmt.Fprintf(&b, "[[bootstrap.hosts]]\nhost = \"n%d\"\n", n.rank)
		if n.rank*fanout+1 < len(c.nodes) {
			at := "ipc://" + filepath.Join(n.dir, "tbon")
			fmt.Fprintf(&b, "bind = %q\nconnect = %q\n", at, at)
		}
		if n.rank > 0 {
			fmt.Fprintf(&b, "parent = \"n%d\"\n", (n.rank-1)/fanout)
		}
	}
	fmt.Fprintf(&b, "[resource]\nnoverify = true\n[[resource.config]]\nhosts = \"n[0-%d]\"\ncores = \"0-15\"\n", len(c.nodes)-1)
	return b.String()
}

func (c *cluster) start() {
	for _, n := range c.nodes {
		c.wg.Go(n.supervise)
	}
}

// uri is where clients of a broker connect.
func (c *cluster) uri(rank int) string {
	return "local://" + filepath.Join(c.nodes[rank].dir, "run", "local")
}

// supervise keeps the broker running until it is told not to.
func (n *node) supervise() {
	for {
		if err := n.run(); err != nil {
			fmt.Fprintf(os.Stderr, "soak: starting broker %d: %v\n", n.rank, err)
		}
		n.mu.Lock()
		over := n.over
		pause := restartLeast + below(n.rnd, restartMost-restartLeast)
		n.mu.Unlock()
		if over {
			return
		}
		select {
		case <-time.After(pause):
		case <-n.wake:
		}
	}
}

// run runs the broker once.
func (n *node) run() error {
	n.mu.Lock()
	if n.over {
		n.mu.Unlock()
		return nil
	}
	log, err := os.OpenFile(filepath.Join(n.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		n.mu.Unlock()
		return err
	}
	defer log.Close()
	n.starts++
	fmt.Fprintf(log, "--- start %d at %s\n", n.starts, time.Now().Format(time.StampMicro))
	cmd := exec.Command(n.c.opt.Flux, "broker",
		"--config-path="+filepath.Join(n.c.opt.Dir, "conf.toml"),
		fmt.Sprintf("-Shostname=n%d", n.rank),
		"-Srundir="+filepath.Join(n.dir, "run"),
		"-Slocal-uri="+n.c.uri(n.rank),
		"-Sstatedir="+filepath.Join(n.dir, "state"),
		"-Sbroker.rc2_none", "-Sbroker.quorum=1",
		"-Slog-stderr-level=7", "-Slog-forward-level=-1", "-Slog-stderr-mode=local")
	cmd.Env = n.c.environ()
	cmd.Dir = n.dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = cmd.Start()
	if err == nil {
		n.cmd, n.stopped = cmd, false
	}
	n.mu.Unlock()
	if err != nil {
		return err
	}
	_ = cmd.Wait() // the state tells all
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cmd = nil
	if !n.over && cmd.ProcessState.Exited() && !(cmd.ProcessState.Success() && n.c.ending()) {
		n.codes[cmd.ProcessState.ExitCode()]++
	}
	fmt.Fprintf(log, "--- %v at %s\n", cmd.ProcessState, time.Now().Format(time.StampMicro))
	return nil
}

// ending tells whether a broker may end in order: it was told to, or one above it.
func (c *cluster) ending() bool { return time.Since(time.Unix(0, c.ended.Load())) < stopPatience }

// environ is that of an init system.
func (c *cluster) environ() []string {
	return []string{c.mark, "HOME=" + c.opt.Dir, "TMPDIR=" + c.opt.Dir, "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"}
}

// signal sends a signal to the broker, if it runs.
func (n *node) signal(sig syscall.Signal) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil || n.stopped && sig != syscall.SIGCONT || n.cmd.Process.Signal(sig) != nil {
		return false
	}
	switch sig {
	case syscall.SIGTERM:
		n.c.ended.Store(time.Now().UnixNano())
	case syscall.SIGSTOP:
		n.stopped = true
	case syscall.SIGCONT:
		n.stopped = false
	}
	return true
}

// stop ends all brokers in order, the leader first, who takes the others along.
func (c *cluster) stop(ctx context.Context) error {
	for _, n := range c.nodes {
		n.mu.Lock()
		n.over = true
		n.mu.Unlock()
	}
	c.nodes[0].signal(syscall.SIGTERM)
	done := make(chan struct{})
	go func() { c.wg.Wait(); close(done) }()
	ctx, cancel := context.WithTimeout(ctx, stopPatience)
	defer cancel()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the brokers do not end: %w", ctx.Err())
	}
}

// destroy ends every process of the instance as a power failure would.
func (c *cluster) destroy() {
	for _, n := range c.nodes {
		n.mu.Lock()
		n.over = true
		n.mu.Unlock()
		select {
		case n.wake <- struct{}{}:
		default:
		}
	}
	for range 2 { // again for what was being started meanwhile
		for _, p := range instance.Marked(c.mark) {
			_ = syscall.Kill(p.PID, syscall.SIGKILL) // it may have ended by itself
		}
		c.wg.Wait()
	}
}
