// SPDX-License-Identifier: LGPL-3.0-or-later

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// realPart is how many times fewer jobs that start processes are run.
const realPart = 5

// mockCores is how many cores the node of mock jobs pretends to have: enough
// that none waits for one, and the instance is what is measured.
const mockCores = 256

func mockJobs(ctx context.Context, b *bench) error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	node := fmt.Sprintf(`--conf={"resource":{"noverify":true,"config":[{"hosts":%q,"cores":"0-%d"}]}}`, host, mockCores-1)
	return b.throughput(ctx, "mock-jobs", mockJob, b.jobs, node)
}

func realJobs(ctx context.Context, b *bench) error {
	return b.throughput(ctx, "real-jobs", trueJob, b.jobs/realPart)
}

func (b *bench) throughput(ctx context.Context, name, j string, n int, args ...string) error {
	return b.with(ctx, args, func(s *session) error {
		begin := time.Now()
		if err := s.runJobs(ctx, j, n); err != nil {
			return err
		}
		b.value(name, float64(n)/time.Since(begin).Seconds(), "jobs/s", n)
		return nil
	})
}

// submissions measures held jobs, which cost nothing but being taken in.
func submissions(ctx context.Context, b *bench) error {
	state, err := os.MkdirTemp(b.dir, "")
	if err != nil {
		return err
	}
	for _, m := range []struct {
		name   string
		args   []string
		n      int
		window int
	}{
		{"submit-single-lasting", []string{"-Sstatedir=" + state}, b.jobs / 10, 1},
		{"submit-bulk-lasting", []string{"-Sstatedir=" + state}, b.jobs, maxInFlight},
		{"submit-single-throwaway", nil, b.jobs / 10, 1},
		{"submit-bulk-throwaway", nil, b.jobs, maxInFlight},
	} {
		err := b.with(ctx, m.args, func(s *session) error {
			begin := time.Now()
			if err := s.submit(ctx, mockJob, hold, m.n, m.window); err != nil {
				return err
			}
			b.value(m.name, float64(m.n)/time.Since(begin).Seconds(), "submissions/s", m.n)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// footprint measures what a finished job leaves: on the disk, from an empty
// instance's file to that after the jobs, each stopped; in the leader's memory,
// from n finished jobs to twice as many.
func footprint(ctx context.Context, b *bench) error {
	state, err := os.MkdirTemp(b.dir, "")
	if err != nil {
		return err
	}
	args := []string{"-Sstatedir=" + state}
	if err := b.with(ctx, args, func(*session) error { return nil }); err != nil {
		return err
	}
	empty, err := diskBytes(state)
	if err != nil {
		return err
	}
	var rss [2]int
	err = b.with(ctx, args, func(s *session) error {
		for i := range rss {
			if err := s.runJobs(ctx, mockJob, b.jobs); err != nil {
				return err
			}
			var err error
			if rss[i], err = leaderRSS(s); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	full, err := diskBytes(state)
	if err != nil {
		return err
	}
	b.value("disk-per-job", float64(full-empty)/float64(2*b.jobs), "bytes", 2*b.jobs)
	b.value("memory-per-job", float64(rss[1]-rss[0])/float64(b.jobs), "bytes", b.jobs)
	b.value("leader-memory", float64(rss[1]), "bytes", 2*b.jobs)
	return nil
}

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

// leaderRSS is the leader's resident memory in bytes.
func leaderRSS(s *session) (int, error) {
	pids := s.Brokers()
	if len(pids) != 1 {
		return 0, fmt.Errorf("%d brokers run, want one", len(pids))
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pids[0]))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte("VmRSS:")); ok {
			kib, err := strconv.Atoi(string(bytes.Fields(rest)[0]))
			return kib << 10, err
		}
	}
	return 0, errors.New("no VmRSS in /proc/PID/status")
}
