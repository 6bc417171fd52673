// SPDX-License-Identifier: LGPL-3.0-or-later

// Command soak kills and stops brokers of an instance at random while clients
// use it, and checks afterwards that nothing was lost (docs/soak.md). It prints
// a line of JSON with the verdict and exits with 1 when anything is broken;
// then it keeps the history and the brokers' logs.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"goflux/internal/testkit/soak"
)

func main() {
	var opt soak.Options
	flag.StringVar(&opt.Flux, "flux", "build/bin/flux", "the `PROGRAM` under test")
	flag.IntVar(&opt.Kills, "kills", 200, "how many `TIMES` a broker is killed or stopped")
	flag.IntVar(&opt.Brokers, "brokers", 4, "how many `BROKERS` there are")
	flag.DurationVar(&opt.Every, "every", 3*time.Second, "average `TIME` between faults")
	flag.DurationVar(&opt.MaxStop, "max-stop", 20*time.Second, "the longest `TIME` a broker is stopped")
	flag.Uint64Var(&opt.Seed, "seed", uint64(time.Now().UnixNano()), "`NUMBER` that what is random is drawn from")
	keep := flag.Bool("keep", false, "keep the history whatever comes out")
	quiet := flag.Bool("q", false, "do not tell how it goes")
	flag.Parse()
	if !*quiet {
		opt.Progress = os.Stderr
	}
	ok, err := run(opt, *keep, os.Stdout)
	if err != nil {
		fmt.Fprintf(os.Stderr, "soak: %v\n", err)
	}
	if !ok {
		os.Exit(1)
	}
}

func run(opt soak.Options, keep bool, out io.Writer) (ok bool, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if opt.Flux, err = filepath.Abs(opt.Flux); err != nil {
		return false, err
	}
	if opt.Dir, err = os.MkdirTemp("", "soak"); err != nil {
		return false, err
	}
	defer func() {
		if ok && !keep {
			os.RemoveAll(opt.Dir)
			return
		}
		fmt.Fprintf(os.Stderr, "soak: see history, jobs and n*/log in %s\n", opt.Dir)
	}()
	v, err := soak.Run(ctx, opt)
	if err != nil {
		return false, fmt.Errorf("seed %d: %w", opt.Seed, err)
	}
	return v.OK, json.NewEncoder(out).Encode(v)
}
