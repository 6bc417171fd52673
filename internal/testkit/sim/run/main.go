// SPDX-License-Identifier: LGPL-3.0-or-later

// Command run lives simulated histories, by seed: one again with all that
// happens, some, or ever new ones for a while.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"syscall"
	"time"

	"goflux/internal/testkit/sim"
)

type options struct {
	seed          int64
	seeds         int
	brokers, jobs int
	calm, verbose bool
	lasting       time.Duration
	workers       int
}

// garbage is how much of it may lie about, in percent of what is used: a history
// is small, and short.
const garbage = 400

func main() {
	var o options
	flag.Int64Var(&o.seed, "seed", 1, "the first seed; 0 takes it from the clock")
	flag.IntVar(&o.seeds, "seeds", 1, "how many seeds, from the first on")
	flag.IntVar(&o.brokers, "brokers", 16, "brokers of the instance; 0 leaves it to the seed")
	flag.IntVar(&o.jobs, "jobs", 200, "jobs to be submitted; 0 leaves it to the seed")
	flag.BoolVar(&o.calm, "calm", false, "no faults")
	flag.BoolVar(&o.verbose, "v", false, "print everything that happens")
	flag.DurationVar(&o.lasting, "for", 0, "live ever new seeds for so long")
	flag.IntVar(&o.workers, "workers", runtime.NumCPU(), "histories at a time")
	profile := flag.String("cpuprofile", "", "write a profile there")
	flag.Parse()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	if err := run(&o, *profile); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(o *options, profile string) error {
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	if o.seed == 0 {
		o.seed = time.Now().UnixMilli()
	}
	if o.verbose {
		o.workers = 1
	}
	began := time.Now()
	var simulated time.Duration
	lived, failed := 0, 0
	for r := range live(o) {
		fmt.Println(r)
		if r.Err != nil {
			failed++
			for _, line := range r.Log {
				fmt.Println(line)
			}
		}
		lived++
		simulated += r.Now
	}
	took := time.Since(began)
	fmt.Printf("%d histories, %d failed: %.1f h simulated in %.1f s, %.2f h/s; %.1f s of a processor\n",
		lived, failed, simulated.Hours(), took.Seconds(), simulated.Hours()/took.Seconds(), processorTime().Seconds())
	if failed > 0 {
		return errors.New("promises were broken")
	}
	return nil
}

// processorTime is what this process has had of the processors.
func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // it cannot fail with these arguments
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// live lives the histories, several at a time.
func live(o *options) <-chan *sim.Result {
	next := make(chan int64)
	go func() {
		defer close(next)
		began := time.Now()
		for i := 0; o.lasting == 0 && i < o.seeds || time.Since(began) < o.lasting; i++ {
			next <- o.seed + int64(i)
		}
	}()
	out := make(chan *sim.Result)
	done := make(chan struct{})
	for range o.workers {
		go func() {
			for seed := range next {
				out <- sim.Run(o.history(seed))
			}
			done <- struct{}{}
		}()
	}
	go func() {
		for range o.workers {
			<-done
		}
		close(out)
	}()
	return out
}

// history is that of a seed: of a size that goes by the seed, too, unless one
// is asked for. Most are small, for in those more happens in a second.
func (o *options) history(seed int64) sim.Options {
	brokers, jobs := o.brokers, o.jobs
	if brokers == 0 {
		brokers = []int{1, 3, 4, 6, 8, 12, 16, 24, 48, 128}[seed%10]
	}
	if jobs == 0 {
		jobs = max(30, brokers*[]int{2, 10, 25}[seed%3])
	}
	h := sim.FromSeed(seed, brokers, jobs)
	h.Calm = o.calm
	if o.verbose {
		h.Detail = os.Stdout
	}
	return h
}
