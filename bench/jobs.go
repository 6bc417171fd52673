// SPDX-License-Identifier: LGPL-3.0-or-later

package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"goflux/internal/rpc"
)

// realPart is how many times fewer jobs that start processes are run.
const realPart = 5

// mockCores is how many cores the node of mock jobs pretends to have: enough
// that none waits for one, and the instance is what is measured.
const mockCores = 256

// mockNode is the option for such a node.
func mockNode(cores int) (string, error) {
	host, err := os.Hostname()
	return fmt.Sprintf(`--conf={"resource":{"noverify":true,"config":[{"hosts":%q,"cores":"0-%d"}]}}`, host, cores-1), err
}

// Targets of mock jobs: with a thousand of them, and how much of that rate
// there must be with many more.
const (
	mockRate = 1000
	mockMany = 0.9
)

// How many times jobs are run whose median is the figure: a thousand are over in
// a fourth of a second, and single rates lie a fifth apart.
const (
	fewRuns  = 5
	manyRuns = 3
)

// mockJobs measures a thousand and then sixteen thousand, in instances of their own.
func mockJobs(ctx context.Context, b *bench) error {
	few, err := b.mockMedian(ctx, 1000, fewRuns)
	if err != nil {
		return err
	}
	b.paced("mock-jobs-1000", few, 1000, atLeast(mockRate))
	n := max(b.jobs, 16000)
	many, err := b.mockMedian(ctx, n, manyRuns)
	if err == nil {
		b.paced("mock-jobs-16000", many, n, atLeast(mockMany*few.rate))
	}
	return err
}

func manyMockJobs(ctx context.Context, b *bench) error {
	few, err := b.mockMedian(ctx, 1000, fewRuns)
	if err != nil {
		return err
	}
	many, err := b.mockPace(ctx, manyJobs)
	if err == nil {
		b.paced("mock-jobs-100000", many, manyJobs, atLeast(mockMany*few.rate))
	}
	return err
}

// mockMedian is the median of several runs.
func (b *bench) mockMedian(ctx context.Context, n, times int) (pace, error) {
	var runs []pace
	for range times {
		p, err := b.mockPace(ctx, n)
		if err != nil {
			return pace{}, err
		}
		runs = append(runs, p)
	}
	slices.SortFunc(runs, func(x, y pace) int { return cmp.Compare(x.rate, y.rate) })
	return runs[times/2], nil
}

func (b *bench) mockPace(ctx context.Context, n int) (pace, error) {
	node, err := mockNode(mockCores)
	if err != nil {
		return pace{}, err
	}
	state, _, err := b.lasting()
	if err != nil {
		return pace{}, err
	}
	return b.pace(ctx, mockJob, n, node, state)
}

// realShare is the least share of the host's parallel rate.
const realShare = 0.25

// realJobs measures jobs with a process each. There are as many under way as
// the host has cores, so with a statedir that lasts it is the disk that is
// measured, which is synced several times in the life of a job.
func realJobs(ctx context.Context, b *bench) error {
	state, _, err := b.lasting()
	if err != nil {
		return err
	}
	n := b.jobs / realPart
	for _, m := range []struct {
		name string
		args []string
	}{{"real-jobs-throwaway", nil}, {"real-jobs", []string{state}}} {
		if err := b.hostParallel(); err != nil {
			return err
		}
		p, err := b.pace(ctx, trueJob, n, m.args...)
		if err != nil {
			return err
		}
		b.paced(m.name, p, n, atLeast(realShare*b.parallel))
	}
	return nil
}

// pace is how fast an instance gets jobs done.
type pace struct {
	rate float64 // jobs a second
	cost float64 // the leader's processor time, ms a job: other work on the host changes it little
}

func (b *bench) pace(ctx context.Context, j string, n int, args ...string) (p pace, err error) {
	err = b.with(ctx, args, func(s *session) error {
		before, err := s.processorTime(ctx)
		if err != nil {
			return err
		}
		begin := time.Now()
		if err := s.runJobs(ctx, j, n); err != nil {
			return err
		}
		p.rate = float64(n) / time.Since(begin).Seconds()
		after, err := s.processorTime(ctx)
		p.cost = 1000 * (after - before) / float64(n)
		return err
	})
	return p, err
}

// paced prints both.
func (b *bench) paced(name string, p pace, n int, t target) {
	b.value(name+"-leader-cpu", p.cost, "ms/job", n, none)
	b.value(name, p.rate, "jobs/s", n, t)
}

// processorTime is what the leader has used so far, in seconds.
func (s *session) processorTime(ctx context.Context) (float64, error) {
	var u rpc.Rusage
	err := s.client.RPC(ctx, "broker.rusage", 0, nil, &u)
	return u.Utime + u.Stime, err
}

// submissions measures held jobs, which cost nothing but being taken in.
func submissions(ctx context.Context, b *bench) error {
	state, _, err := b.lasting()
	if err != nil {
		return err
	}
	for _, m := range []struct {
		name   string
		args   []string
		n      int
		window int
		target target
	}{
		{"submit-single", []string{state}, b.jobs / 10, 1, atLeast(300)},
		{"submit-bulk", []string{state}, b.jobs, maxInFlight, atLeast(5000)},
		{"submit-single-throwaway", nil, b.jobs / 10, 1, none},
		{"submit-bulk-throwaway", nil, b.jobs, maxInFlight, none},
	} {
		err := b.with(ctx, m.args, func(s *session) error {
			begin := time.Now()
			if err := s.submit(ctx, mockJob, hold, m.n, m.window); err != nil {
				return err
			}
			b.value(m.name, float64(m.n)/time.Since(begin).Seconds(), "submissions/s", m.n, m.target)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
