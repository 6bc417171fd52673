// SPDX-License-Identifier: LGPL-3.0-or-later

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"goflux/internal/testkit/instance"
)

// How often a command is run for a median.
const (
	runRepeats   = 25
	startRepeats = 9
)

// median runs do n times and prints the median of the seconds it took.
func (b *bench) median(name string, n int, t target, do func() error) error {
	took := make([]float64, n)
	for i := range took {
		begin := time.Now()
		if err := do(); err != nil {
			return err
		}
		took[i] = time.Since(begin).Seconds()
	}
	slices.Sort(took)
	b.value(name, took[n/2], "s", n, t)
	return nil
}

// command is flux outside any instance.
func (b *bench) command(args ...string) error {
	cmd := exec.Command(b.flux, args...)
	cmd.Dir = b.dir
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "FLUX_") && !strings.HasPrefix(e, "PATH=") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(cmd.Env, "TMPDIR="+b.dir, "PATH="+filepath.Dir(b.flux)+":"+os.Getenv("PATH"))
	return checked(cmd)
}

// checked runs cmd; its output is told when it fails.
func checked(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}

func latency(ctx context.Context, b *bench) error {
	err := b.with(ctx, nil, func(s *session) error {
		return b.median("run-true", runRepeats, atMost(0.05), func() error { return checked(s.Command(ctx, "run", "true")) })
	})
	if err != nil {
		return err
	}
	return b.median("start-true", startRepeats, atMost(0.2), func() error { return b.command("start", "true") })
}

func fourBrokers(_ context.Context, b *bench) error {
	return b.median("four-brokers-one-job", startRepeats, atMost(0.6), func() error {
		return b.command("start", "--test-size=4", "flux", "run", "-N4", "true")
	})
}

// manyBrokers measures the time until the initial program of an instance runs.
func manyBrokers(ctx context.Context, b *bench) error {
	for _, m := range []struct {
		size   int
		target target
	}{{16, none}, {64, none}, {256, atMost(15)}} {
		begin := time.Now()
		in, err := instance.Start(ctx, instance.Options{Flux: b.flux, Size: m.size, Dir: b.dir})
		if err != nil {
			return err
		}
		b.value(fmt.Sprintf("brokers-%d-up", m.size), time.Since(begin).Seconds(), "s", 1, m.target)
		if err := in.Stop(ctx); err != nil {
			return err
		}
	}
	return nil
}
