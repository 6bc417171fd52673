// SPDX-License-Identifier: LGPL-3.0-or-later

package soak

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Options of a run.
type Options struct {
	Flux    string        // path of the flux to run
	Brokers int           // two at least
	Kills   int           // faults: kills, stops and ends in order
	Every   time.Duration // between faults, on average
	MaxStop time.Duration // how long a stopped broker stays so, at most
	Seed    uint64        // of what is random here; time and scheduling are not replayed
	Dir     string        // for all that is kept; short, since sockets are below it
	// Progress, when not nil, is told how it goes, a line at a time.
	Progress io.Writer
}

const (
	// startPatience bounds the first start of all brokers.
	startPatience = time.Minute
	// quietPatience bounds how long it may take, after the last fault, until a
	// next job ends.
	quietPatience = 3 * time.Minute
	// stopPatience bounds the end of all brokers in order.
	stopPatience = time.Minute
)

// soak is a run.
type soak struct {
	opt     Options
	cluster *cluster
	history *history
	side    string // the file that tasks write to
	ended   chan struct{}
}

// Run runs a soak. The error tells why there is no verdict.
func Run(ctx context.Context, opt Options) (*Verdict, error) {
	s := &soak{opt: opt, history: newHistory(), side: filepath.Join(opt.Dir, "tasks"), ended: make(chan struct{})}
	if opt.Brokers < 2 {
		return nil, fmt.Errorf("%d brokers are not enough: who is killed needs peers", opt.Brokers)
	}
	if err := os.WriteFile(s.side, nil, 0o600); err != nil {
		return nil, err
	}
	var err error
	if s.cluster, err = newCluster(opt, s.random("restarts")); err != nil {
		return nil, err
	}
	defer s.cluster.destroy()
	begin := time.Now()
	s.cluster.start()
	if err := s.await(ctx, startPatience, "all brokers are up", s.allUp); err != nil {
		return nil, err
	}
	s.say("%d brokers are up", opt.Brokers)
	if err := s.disturb(ctx); err != nil {
		return nil, err
	}
	v := &Verdict{Seed: opt.Seed, Brokers: opt.Brokers, Seconds: time.Since(begin).Seconds()}
	return v, s.judge(ctx, v)
}

// disturb lets clients work while brokers are killed and stopped.
func (s *soak) disturb(ctx context.Context) error {
	work, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	for _, w := range s.workers() {
		wg.Go(func() { w(work) })
	}
	err := s.faults(ctx)
	stop()
	wg.Wait()
	return err
}

// random is a source of its own for each purpose, so that one drawing more
// does not change the others.
func (s *soak) random(purpose string) *rand.Rand {
	var h uint64
	for _, c := range []byte(purpose) {
		h = h*31 + uint64(c)
	}
	return rand.New(rand.NewPCG(s.opt.Seed, h))
}

func (s *soak) say(format string, args ...any) {
	if s.opt.Progress != nil {
		fmt.Fprintf(s.opt.Progress, format+"\n", args...)
	}
}

// await asks until the answer is yes.
func (s *soak) await(ctx context.Context, patience time.Duration, what string, yes func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var last error
	for {
		ok, err := yes(ctx)
		if ok {
			return nil
		}
		if err != nil && ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w (%v)", what, ctx.Err(), last)
		case <-time.After(askAgain):
		}
	}
}

// askAgain is the pause between looks at something that is awaited.
const askAgain = 50 * time.Millisecond
