// SPDX-License-Identifier: LGPL-3.0-or-later

package soak

import (
	"context"
	"syscall"
	"time"
)

// One of how many faults is a stop (SIGSTOP), or an end in order (SIGTERM) as an
// upgrade brings, and not a kill.
const (
	stopShare = 4
	termShare = 6
)

// stopLeast is how long a stopped broker stays so at least, unless the most
// is less.
const stopLeast = time.Second

// faults kills, stops and ends brokers, each as often as the others, and returns when
// all are at work again.
func (s *soak) faults(ctx context.Context) error {
	rnd := s.random("faults")
	var round []int // whose turn is yet to come
	for done := 0; done < s.opt.Kills; {
		if len(round) == 0 {
			round = rnd.Perm(len(s.cluster.nodes))
		}
		pause := around(rnd, s.opt.Every)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
		n := s.cluster.nodes[round[0]]
		round = round[1:]
		length := min(stopLeast, s.opt.MaxStop/2)
		length += below(rnd, s.opt.MaxStop-length)
		f := Fault{Rank: n.rank, Signal: "KILL"}
		sig := syscall.SIGKILL
		switch {
		case rnd.IntN(stopShare) == 0:
			f.Signal, f.Length, sig = "STOP", length, syscall.SIGSTOP
		case rnd.IntN(termShare) == 0:
			f.Signal, sig = "TERM", syscall.SIGTERM
		}
		f.At = s.history.now()
		if !n.signal(sig) {
			round = append(round, n.rank) // it is down or stopped: later
			continue
		}
		done++
		s.history.fault(f)
		s.say("%3d/%d  %s broker %d  %v  %s", done, s.opt.Kills, f.Signal, f.Rank, f.Length.Round(time.Millisecond), s.history.summary())
		if sig == syscall.SIGSTOP {
			s.cluster.wg.Go(func() {
				select {
				case <-time.After(length):
				case <-ctx.Done():
				}
				n.signal(syscall.SIGCONT)
			})
		}
	}
	// The last stop has to end, and what was killed to come back.
	return s.await(ctx, s.opt.MaxStop+startPatience, "all brokers are up again", s.allUp)
}

// allUp tells whether every broker serves and the leader sees them all.
func (s *soak) allUp(ctx context.Context) (bool, error) {
	for _, n := range s.cluster.nodes {
		n.mu.Lock()
		up := n.cmd != nil && !n.stopped
		n.mu.Unlock()
		if !up {
			return false, nil
		}
	}
	return s.everyBrokerOnline(ctx)
}
