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
	dir  string // for what instances keep
	out  *json.Encoder
}

// figure is something that can be measured.
type figure struct {
	name string
	what string
	run  func(context.Context, *bench) error
}

// figures are all that can be measured, in the order that they are.
var figures = []figure{
	{"host", "processes the host starts a second, one by one and in parallel", hostRate},
	{"mock-jobs", "jobs a second without a process, submitted in bulk", mockJobs},
	{"real-jobs", "jobs a second that run true, submitted in bulk", realJobs},
	{"latency", "flux run true and flux start true, seconds", latency},
	{"four-brokers", "four brokers up, a job on each, and down, seconds", fourBrokers},
	{"many-brokers", "brokers up and down, seconds", manyBrokers},
	{"footprint", "bytes on disk and in the leader's memory a finished job", footprint},
	{"submit", "submissions a second, one at a time and in bulk, on a lasting and a throw-away statedir", submissions},
}

// value prints a figure.
func (b *bench) value(name string, value float64, unit string, n int) {
	// Standard output that fails has nobody to be told.
	_ = b.out.Encode(struct {
		Figure string  `json:"figure"`
		Value  float64 `json:"value"`
		Unit   string  `json:"unit"`
		N      int     `json:"n"`
	}{name, round(value), unit, n})
}

// round keeps four digits: no more of a measurement means anything.
func round(v float64) float64 {
	var r float64
	// A printed float always parses.
	_, _ = fmt.Sscanf(fmt.Sprintf("%.4g", v), "%g", &r)
	return r
}

func main() {
	flux := flag.String("flux", "build/bin/flux", "the `PROGRAM` under test")
	jobs := flag.Int("n", 5000, "how many `JOBS` to run where jobs are counted")
	list := flag.Bool("list", false, "list the figures")
	flag.Parse()
	if *list {
		for _, f := range figures {
			fmt.Printf("%-14s %s\n", f.name, f.what)
		}
		return
	}
	if err := run(*flux, *jobs, flag.Args()); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func run(flux string, jobs int, names []string) error {
	flux, err := filepath.Abs(flux)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "flb")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{flux: flux, jobs: jobs, dir: dir, out: json.NewEncoder(os.Stdout)}
	for _, name := range names {
		if !slices.ContainsFunc(figures, func(f figure) bool { return f.name == name }) {
			return fmt.Errorf("%s: no such figure; see -list", name)
		}
	}
	for _, f := range figures {
		if len(names) > 0 && !slices.Contains(names, f.name) {
			continue
		}
		if err := f.run(context.Background(), b); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}
