// SPDX-License-Identifier: LGPL-3.0-or-later

// Command run lives simulated histories, by seed.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime/pprof"

	"goflux/internal/testkit/sim"
)

func main() {
	os.Exit(run())
}

func run() int {
	seed := flag.Int64("seed", 1, "the first seed")
	seeds := flag.Int("seeds", 1, "how many seeds, from the first on")
	brokers := flag.Int("brokers", 16, "brokers of the instance")
	jobs := flag.Int("jobs", 200, "jobs to be submitted")
	calm := flag.Bool("calm", false, "no faults")
	verbose := flag.Bool("v", false, "print everything that happens")
	profile := flag.String("cpuprofile", "", "write a profile there")
	flag.Parse()
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer pprof.StopCPUProfile()
	}
	failed := 0
	for i := range *seeds {
		o := sim.FromSeed(*seed+int64(i), *brokers, *jobs)
		o.Calm = *calm
		if *verbose {
			o.Detail = os.Stdout
		}
		r := sim.Run(o)
		fmt.Println(r)
		if r.Err != nil {
			failed++
			for _, line := range r.Log {
				fmt.Println(line)
			}
		}
	}
	if failed > 0 {
		return 1
	}
	return 0
}
