// SPDX-License-Identifier: LGPL-3.0-or-later

package soak

import (
	"slices"
	"time"
)

// Problem is something that should not have happened.
type Problem struct {
	Kind string `json:"kind"`
	What string `json:"what"` // a job's name, a key, a rank
	Text string `json:"text"`
}

// Kinds of problems of jobs.
const (
	lost      = "lost"      // acknowledged, but not there
	twice     = "twice"     // ran, or is there, more than once
	disturbed = "disturbed" // ended though nobody wanted that
	untrue    = "untrue"    // told otherwise than it was
	illegal   = "illegal"   // by RFC 21
	unended   = "unended"   // waits for ever
	crashed   = "crashed"   // a program
)

// Verdict is how a run went.
type Verdict struct {
	Seed       uint64  `json:"seed"`
	Brokers    int     `json:"brokers"`
	Seconds    float64 `json:"seconds"`
	Kills      int     `json:"kills"`
	Stops      int     `json:"stops"`
	Ends       int     `json:"ends"`      // in order
	OfLeader   int     `json:"of_leader"` // of all these
	Jobs       int     `json:"jobs"`      // acknowledged
	Operations int     `json:"operations"`
	Unknown    int     `json:"unknown"` // not acknowledged

	Lost      int `json:"acknowledged_and_lost"`
	Twice     int `json:"run_twice"`
	Disturbed int `json:"disturbed"`
	Untrue    int `json:"untrue"`
	Illegal   int `json:"illegal_logs"`
	Unended   int `json:"not_ended"`
	Registers int `json:"registers_broken"`
	Crashed   int `json:"crashed"`

	// Times without service after a leader was killed, in seconds: until
	// somebody's write was acknowledged, until one was at every broker that was
	// not struck itself, until a job started.
	FirstWrite Spread `json:"leader_death_to_first_write_s"`
	EveryWrite Spread `json:"leader_death_to_write_at_every_broker_s"`
	FirstStart Spread `json:"leader_death_to_job_start_s"`

	Problems []Problem `json:"problems,omitempty"` // the first of each kind
	OK       bool      `json:"ok"`
}

// Spread are samples in short.
type Spread struct {
	Count  int     `json:"count"`
	Median float64 `json:"median"`
	P90    float64 `json:"p90"`
	Max    float64 `json:"max"`
}

func spread(samples []time.Duration) Spread {
	if len(samples) == 0 {
		return Spread{}
	}
	slices.Sort(samples)
	at := func(q float64) float64 {
		d := samples[min(int(q*float64(len(samples))), len(samples)-1)]
		return float64(d.Round(time.Millisecond)) / float64(time.Second)
	}
	return Spread{len(samples), at(0.5), at(0.9), at(1)}
}

// shownMost is how many problems of a kind the verdict tells of.
const shownMost = 10

// take counts a problem.
func (v *Verdict) take(p Problem) {
	n := map[string]*int{
		lost: &v.Lost, twice: &v.Twice, disturbed: &v.Disturbed, untrue: &v.Untrue,
		illegal: &v.Illegal, unended: &v.Unended, "register": &v.Registers, crashed: &v.Crashed,
	}[p.Kind]
	if *n++; *n <= shownMost {
		v.Problems = append(v.Problems, p)
	}
}

// serviceLimit is how long there may be no service after a leader's death, in
// the median.
const serviceLimit = 3.0

func (v *Verdict) conclude() {
	v.OK = len(v.Problems) == 0 && v.FirstWrite.Median < serviceLimit && v.EveryWrite.Median < serviceLimit
}

// gaps are the times from each death of the leader to the first of the given
// operations that was begun later. A next death of it ends the wait.
func gaps(faults []Fault, times func(from, to time.Duration) (time.Duration, bool)) []time.Duration {
	var out []time.Duration
	for i, f := range faults {
		if f.Rank != 0 || f.Signal != "KILL" {
			continue
		}
		to := time.Duration(1<<63 - 1)
		for _, g := range faults[i+1:] {
			if g.Rank == 0 {
				to = g.At
				break
			}
		}
		if at, ok := times(f.At, to); ok {
			out = append(out, at-f.At)
		}
	}
	return out
}
