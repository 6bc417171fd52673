// SPDX-License-Identifier: LGPL-3.0-or-later

package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// bench is a run of measurements.
type bench struct {
	flux string // the program under test
	jobs int    // how many where jobs are counted
	long bool   // the long ones, too
	dir  string // for what instances keep
	out  *json.Encoder
	// parallel is the host's rate of starting processes, several at a time,
	// when it was last measured in this run.
	parallel float64
	missed   int // targets
}

// group is figures that are measured together.
type group struct {
	name string
	what string
	run  func(context.Context, *bench) error
	long bool // minutes: only when asked for
}

// groups are all that can be measured, in the order that they are.
var groups = []group{
	{name: "host", what: "processes the host starts a second, one by one and in parallel", run: hostRate},
	{name: "mock-jobs", what: "jobs a second without a process, submitted in bulk, a thousand and more", run: mockJobs},
	{name: "real-jobs", what: "jobs a second that run true, submitted in bulk", run: realJobs},
	{name: "latency", what: "flux run true and flux start true, seconds", run: latency},
	{name: "four-brokers", what: "four brokers up, a job on each, and down, seconds", run: fourBrokers},
	{name: "many-brokers", what: "brokers up, seconds", run: manyBrokers},
	{name: "submit", what: "submissions a second, one at a time and in bulk, answered when durable", run: submissions},
	{name: "footprint", what: "bytes on disk and in the leader's memory a finished job", run: footprint},
	{name: "restart", what: "seconds until a leader with many jobs runs again", run: restart},
	{name: "crowd", what: "submissions while a thousand clients list the queue in a loop", run: crowd},
	{name: "loud", what: "submissions while a job prints 100 MB a second", run: loud},
	{name: "mock-jobs-100000", what: "the rate of mock jobs, 100,000 of them", run: manyMockJobs, long: true},
	{name: "history", what: "100,000 finished jobs: memory and disk of each, the first page of flux jobs -a, restart", run: history, long: true},
	{name: "ageing", what: "200,000 jobs through one instance that forgets: what grows", run: ageing, long: true},
}

// target is what a figure is to be: at least or at most a value.
type target struct {
	atLeast bool
	value   float64
}

func atLeast(v float64) target { return target{true, v} }
func atMost(v float64) target  { return target{false, v} }

// none is for figures that others are held against.
var none = target{}

func (t target) String() string {
	if t.atLeast {
		return fmt.Sprintf(">= %g", round(t.value))
	}
	return fmt.Sprintf("<= %g", round(t.value))
}

func (t target) met(v float64) bool {
	if t.atLeast {
		return v >= t.value
	}
	return v <= t.value
}

// value prints a figure.
func (b *bench) value(name string, value float64, unit string, n int, t target) {
	line := struct {
		Figure string  `json:"figure"`
		Value  float64 `json:"value"`
		Unit   string  `json:"unit"`
		N      int     `json:"n"`
		Target string  `json:"target,omitempty"`
		Met    *bool   `json:"met,omitempty"`
	}{Figure: name, Value: round(value), Unit: unit, N: n}
	if t != none {
		met := t.met(value)
		line.Target, line.Met = t.String(), &met
		if !met {
			b.missed++
		}
	}
	// Standard output that fails has nobody to be told.
	_ = b.out.Encode(line)
}

// round keeps four digits: no more of a measurement means anything.
func round(v float64) float64 {
	var r float64
	// A printed float always parses.
	_, _ = fmt.Sscanf(fmt.Sprintf("%.4g", v), "%g", &r)
	return r
}

func main() {
	if uri := os.Getenv(crowdVariable); uri != "" {
		beCrowd(uri)
		return
	}
	b := &bench{}
	flag.StringVar(&b.flux, "flux", "build/bin/flux", "the `PROGRAM` under test")
	flag.IntVar(&b.jobs, "n", 5000, "how many `JOBS` to run where jobs are counted")
	flag.BoolVar(&b.long, "long", false, "measure what takes minutes, too")
	list := flag.Bool("list", false, "list the figures")
	flag.Parse()
	if *list {
		for _, g := range groups {
			fmt.Printf("%-17s %s\n", g.name, g.what)
		}
		return
	}
	if err := b.run(flag.Args()); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
	if b.missed > 0 {
		fmt.Fprintf(os.Stderr, "bench: %d targets are missed\n", b.missed)
	}
}

// run measures the groups that are named, or all.
func (b *bench) run(names []string) error {
	var err error
	if b.flux, err = filepath.Abs(b.flux); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "flb"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	b.out = json.NewEncoder(os.Stdout)
	b.out.SetEscapeHTML(false)
	for _, name := range names {
		if !slices.ContainsFunc(groups, func(g group) bool { return g.name == name }) {
			return fmt.Errorf("%s: no such figure; see -list", name)
		}
	}
	for _, g := range groups {
		if len(names) == 0 && g.long && !b.long || len(names) > 0 && !slices.Contains(names, g.name) {
			continue
		}
		if err := g.run(context.Background(), b); err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
	}
	return nil
}
