// SPDX-License-Identifier: LGPL-3.0-or-later

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"goflux/flux"
	"goflux/internal/rpc"
)

// Targets of what a finished job leaves, in bytes.
const (
	diskTarget   = 2000
	memoryTarget = 200
)

// footprint measures what a finished job leaves, with as many as are asked for.
func footprint(ctx context.Context, b *bench) error {
	_, err := b.leavings(ctx, "", b.jobs)
	return err
}

// leavings runs n jobs in an instance with a statedir of its own, which it
// returns, and measures what they leave: on the disk, from an empty instance's
// file to that after the jobs, each stopped; in the leader's memory, from
// before the jobs to after them, without garbage.
func (b *bench) leavings(ctx context.Context, suffix string, n int) (state string, err error) {
	option, state, err := b.lasting()
	if err != nil {
		return "", err
	}
	node, err := mockNode(mockCores)
	if err != nil {
		return "", err
	}
	args := []string{option, node}
	if err := b.with(ctx, args, func(*session) error { return nil }); err != nil {
		return "", err
	}
	empty, err := diskBytes(state)
	if err != nil {
		return "", err
	}
	var before, after rpc.RuntimeStats
	err = b.with(ctx, args, func(s *session) error {
		// What is made with the first jobs is there for all.
		if err := s.runJobs(ctx, mockJob, warmUp); err != nil {
			return err
		}
		if before, err = s.runtime(ctx); err != nil {
			return err
		}
		if err := s.runJobs(ctx, mockJob, n); err != nil {
			return err
		}
		after, err = s.runtime(ctx)
		return err
	})
	if err != nil {
		return "", err
	}
	full, err := diskBytes(state)
	if err != nil {
		return "", err
	}
	b.value("disk-per-job"+suffix, float64(full-empty)/float64(n+warmUp), "bytes", n, atMost(diskTarget))
	grown := float64(after.HeapBytes) - float64(before.HeapBytes)
	b.value("memory-per-job"+suffix, grown/float64(n), "bytes", n, atMost(memoryTarget))
	return state, nil
}

// warmUp is how many jobs are run before a measurement of what grows.
const warmUp = 1000

// runtime asks the leader what it holds, when what the last jobs left is gone.
func (s *session) runtime(ctx context.Context) (rpc.RuntimeStats, error) {
	var last, got rpc.RuntimeStats
	for range settleTries {
		if err := s.client.RPC(ctx, "broker.runtime-stats", 0, nil, &got); err != nil {
			return got, err
		}
		if got.HeapBytes+settled >= last.HeapBytes && got.Goroutines >= last.Goroutines && last.HeapBytes > 0 {
			break
		}
		last = got
		time.Sleep(settleTime)
	}
	return got, nil
}

// What is still being done when the last job has ended is given some time.
const (
	settleTries = 10
	settleTime  = 300 * time.Millisecond
	settled     = 64 << 10
)

// diskBytes is the size of the database with its journal.
func diskBytes(state string) (int64, error) {
	files, err := filepath.Glob(state + "/content.sqlite*")
	if err != nil || len(files) == 0 {
		return 0, errors.Join(err, fmt.Errorf("no content.sqlite in %s", state))
	}
	var sum int64
	for _, f := range files {
		st, err := os.Stat(f)
		if err != nil {
			return 0, err
		}
		sum += st.Size()
	}
	return sum, nil
}

// manyJobs is a history that is long.
const manyJobs = 100000

// history measures what many finished jobs cost afterwards.
func history(ctx context.Context, b *bench) error {
	state, err := b.leavings(ctx, "-of-100000", manyJobs)
	if err != nil {
		return err
	}
	begin := time.Now()
	return b.with(ctx, []string{"-Sstatedir=" + state}, func(s *session) error {
		b.value("restart-100000-finished", time.Since(begin).Seconds(), "s", 1, atMost(1))
		return b.median("jobs-first-page", runRepeats, atMost(0.05), func() error {
			return checked(s.Command(ctx, "jobs", "-a"))
		})
	})
}

// activeJobs is how many jobs a restart finds, and the cores for them.
const activeJobs = 1000

// restart measures the time until the initial program of an instance runs that
// had active jobs when the power failed: half are held, half run.
func restart(ctx context.Context, b *bench) error {
	option, _, err := b.lasting()
	if err != nil {
		return err
	}
	node, err := mockNode(activeJobs)
	if err != nil {
		return err
	}
	s, err := b.open(ctx, option, node)
	if err != nil {
		return err
	}
	err = s.fill(ctx)
	s.Kill()
	if err != nil {
		return err
	}
	begin := time.Now()
	if s, err = b.open(ctx, option, node); err != nil {
		return err
	}
	b.value("restart-1000-active", time.Since(begin).Seconds(), "s", 1, atMost(2))
	n, err := s.running(ctx)
	s.Kill()
	if err == nil && n != activeJobs/2 {
		err = fmt.Errorf("%d jobs run after the restart, want %d", n, activeJobs/2)
	}
	return err
}

// fill submits the active jobs and waits until those run that will.
func (s *session) fill(ctx context.Context) error {
	if err := s.submit(ctx, longJob, hold, activeJobs/2, maxInFlight); err != nil {
		return err
	}
	if err := s.submit(ctx, longJob, normal, activeJobs/2, maxInFlight); err != nil {
		return err
	}
	for deadline := time.Now().Add(time.Minute); ; {
		n, err := s.running(ctx)
		if err != nil || n == activeJobs/2 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d of %d jobs run", n, activeJobs/2)
		}
	}
}

// stateRun is the bit of the state RUN (RFC 43).
const stateRun = 16

// running is how many jobs run.
func (s *session) running(ctx context.Context) (int, error) {
	var got rpc.JobsListed
	req := rpc.JobList{MaxEntries: 2 * activeJobs, Attrs: []string{"state"}, States: stateRun}
	err := s.client.RPC(ctx, "job-list.list", flux.NodeAny, req, &got)
	return len(got.Jobs), err
}
