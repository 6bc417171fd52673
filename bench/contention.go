// SPDX-License-Identifier: LGPL-3.0-or-later

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"goflux/flux"
	"goflux/internal/rpc"
)

// Submissions are measured one at a time, quiet and then disturbed: the
// slowest of a hundred may take twice as long.
const (
	latencySamples = 1000
	latencyFactor  = 2
)

// latencyTime bounds how long they are measured.
const latencyTime = 30 * time.Second

// p99 is the time that all but one of a hundred submissions take at most.
func (s *session) p99(ctx context.Context) (time.Duration, error) {
	var took []time.Duration
	for all := time.Now(); len(took) < latencySamples && time.Since(all) < latencyTime; {
		begin := time.Now()
		if err := s.submit(ctx, mockJob, hold, 1, 1); err != nil {
			return 0, err
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	return took[len(took)*99/100], nil
}

// disturbed measures submissions while disturb does its work, which it is told
// to end by the function it returns.
func (b *bench) disturbed(ctx context.Context, name string, disturb func(*session) (stop func() error, err error)) error {
	option, _, err := b.lasting()
	if err != nil {
		return err
	}
	return b.with(ctx, []string{option}, func(s *session) error {
		if err := s.submit(ctx, mockJob, hold, queued, maxInFlight); err != nil {
			return err
		}
		quiet, err := s.p99(ctx)
		if err != nil {
			return err
		}
		stop, err := disturb(s)
		if err != nil {
			return err
		}
		busy, err := s.p99(ctx)
		if err = errors.Join(err, stop()); err != nil {
			return err
		}
		b.value(name+"-quiet-p99", quiet.Seconds(), "s", latencySamples, none)
		b.value(name+"-p99", busy.Seconds(), "s", latencySamples, atMost(latencyFactor*quiet.Seconds()))
		return nil
	})
}

// queued is how many jobs are in the queue that is listed.
const queued = 100

// crowdClients is how many clients list it, each anew when it has its answer.
const crowdClients = 1000

// crowdVariable is set for a process that is the crowd: the instance's URI. It
// is a process of its own since its clients would delay ours.
const crowdVariable = "BENCH_CROWD"

func crowd(ctx context.Context, b *bench) error {
	return b.disturbed(ctx, "crowd", func(s *session) (func() error, error) {
		exe, err := os.Executable()
		if err != nil {
			return nil, err
		}
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), crowdVariable+"="+s.URI)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		begin := time.Now()
		lines := bufio.NewScanner(out)
		if !lines.Scan() {
			return nil, fmt.Errorf("the crowd has not come: %w", cmd.Wait())
		}
		return func() error {
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				return err
			}
			var listed int
			if lines.Scan() {
				_, _ = fmt.Sscan(lines.Text(), &listed) // 0 when it is no number
			}
			b.value("crowd-listings", float64(listed)/time.Since(begin).Seconds(), "listings/s", crowdClients, none)
			return cmd.Wait()
		}, nil
	})
}

// beCrowd lists the queue with many clients until it is told to end. It prints
// a line when all have begun, and how many listings there have been.
func beCrowd(uri string) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var mu sync.Mutex
	var wg, ready sync.WaitGroup
	listed := 0
	req := rpc.JobList{MaxEntries: 1000, Attrs: strings.Fields(listAttrs), States: 1 + 2 + 4 + 8 + 16 + 32}
	for range crowdClients {
		ready.Add(1)
		wg.Go(func() {
			c, err := flux.Open(ctx, uri)
			if err != nil {
				fmt.Fprintf(os.Stderr, "bench: crowd: %v\n", err)
				os.Exit(1)
			}
			defer c.Close()
			ready.Done()
			for ctx.Err() == nil {
				// Not decoded: what is measured is the instance.
				if call, err := c.Go("job-list.list", flux.NodeAny, req); err != nil {
					return
				} else if _, err = call.Message(ctx); err != nil {
					return
				}
				mu.Lock()
				listed++
				mu.Unlock()
			}
		})
	}
	ready.Wait()
	fmt.Println("ready")
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	gone := make(chan struct{})
	go func() { wg.Wait(); close(gone) }()
	select {
	case <-stop:
		cancel()
		<-gone
	case <-gone: // the instance is, and nobody may be there to tell us to end
	}
	fmt.Println(listed)
}

// listAttrs are those that flux jobs asks for.
const listAttrs = "userid state name queue ntasks nnodes t_submit t_run t_cleanup t_inactive duration expiration " +
	"ranks nodelist success exception_occurred exception_severity exception_type exception_note result annotations dependencies"

// loud measures submissions while a job prints as fast as it may.
func loud(ctx context.Context, b *bench) error {
	return b.disturbed(ctx, "loud", func(s *session) (func() error, error) {
		var id rpc.JobID
		if err := s.client.RPC(ctx, "job-ingest.submit", flux.NodeAny, &rpc.JobSubmit{J: loudJob, Urgency: normal}, &id); err != nil {
			return nil, err
		}
		begin := time.Now()
		for deadline := begin.Add(time.Minute); ; {
			n, err := s.running(ctx)
			if err != nil {
				return nil, err
			}
			if n == 1 {
				break
			}
			if time.Now().After(deadline) {
				return nil, errors.New("the loud job does not run")
			}
		}
		return func() error {
			return checked(s.Command(ctx, "cancel", "--all"))
		}, nil
	})
}
