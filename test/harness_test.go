// SPDX-License-Identifier: LGPL-3.0-or-later

package test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"goflux/internal/testkit/instance"
)

// patience bounds each step: what takes this long hangs.
const patience = 2 * time.Minute

// cluster is an instance under test.
type cluster struct {
	*instance.Instance
	t *testing.T
}

// start starts an instance that is stopped, and found to leave nothing, when
// the test ends.
func start(t *testing.T, size int, args ...string) *cluster {
	t.Helper()
	c := startIn(t, shortDir(t), size, args...)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("standard error of the instance:\n%s", c.Stderr())
		}
		c.stop()
	})
	return c
}

// startIn starts an instance that the test itself stops.
func startIn(t *testing.T, dir string, size int, args ...string) *cluster {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	in, err := instance.Start(ctx, instance.Options{Flux: fluxPath(), Size: size, Args: args, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return &cluster{in, t}
}

func (c *cluster) stop() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.Stop(ctx); err != nil {
		c.t.Error(err)
	}
	if strings.Contains(c.Stderr(), "goroutine ") {
		c.t.Errorf("a program of the instance crashed:\n%s", c.Stderr())
	}
}

func fluxPath() string { return filepath.Join(os.Getenv(prefixVariable), "bin", "flux") }

// shortDir is a directory for sockets, whose paths are limited.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(os.Getenv(scratchVariable), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// result is how a command ended.
type result struct {
	args           []string
	stdout, stderr string
	code           int
}

func (r result) lines() []string {
	s := strings.TrimRight(r.stdout, "\n")
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

// flux runs "flux args…" in the instance.
func (c *cluster) flux(args ...string) result {
	c.t.Helper()
	return c.fluxInput("", args...)
}

// fluxInput runs "flux args…" with something to read.
func (c *cluster) fluxInput(input string, args ...string) result {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return runCommand(ctx, c.t, c.Command(ctx, args...), input)
}

// ok runs "flux args…", which must succeed, and returns its trimmed output.
func (c *cluster) ok(args ...string) string {
	c.t.Helper()
	return c.okInput("", args...)
}

func (c *cluster) okInput(input string, args ...string) string {
	c.t.Helper()
	r := c.fluxInput(input, args...)
	if r.code != 0 {
		c.t.Fatalf("flux %s: exit %d\n%s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return strings.TrimRight(r.stdout, "\n")
}

// alive checks that the leader and the last broker still answer.
func (c *cluster) alive() {
	c.t.Helper()
	size, err := strconv.Atoi(c.ok("getattr", "size"))
	if err != nil {
		c.t.Fatalf("attribute size: %v", err)
	}
	for _, rank := range []int{0, size - 1} {
		c.ok("ping", "--count=1", "--rank="+strconv.Itoa(rank), "broker")
	}
}

// until runs "flux args…" until it prints want.
func (c *cluster) until(want string, args ...string) {
	c.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		got := c.ok(args...)
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("flux %s still prints %q, want %q", strings.Join(args, " "), got, want)
		}
	}
}

func runCommand(ctx context.Context, t *testing.T, cmd *exec.Cmd, input string) result {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = patience
	if input != "" {
		cmd.Stdin = io.NopCloser(strings.NewReader(input))
	}
	err := cmd.Run()
	r := result{cmd.Args, out.String(), errs.String(), cmd.ProcessState.ExitCode()}
	var exit *exec.ExitError
	if ctx.Err() != nil || err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v, %v\n%s%s", strings.Join(cmd.Args, " "), err, ctx.Err(), r.stdout, r.stderr)
	}
	return r
}

// writeFile makes a file below dir.
func writeFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}
