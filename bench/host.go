// SPDX-License-Identifier: LGPL-3.0-or-later

package main

import (
	"context"
	"os/exec"
	"runtime"
	"sync"
	"time"
)

// hostProcesses is how many processes are started: some seconds' worth.
const hostProcesses = 2000

// hostRate measures how fast the host starts and reaps /bin/true.
func hostRate(_ context.Context, b *bench) error {
	for _, m := range []struct {
		name    string
		workers int
	}{{"host-serial", 1}, {"host-parallel", 2 * runtime.NumCPU()}} {
		rate, err := startRate(m.workers)
		if err != nil {
			return err
		}
		b.value(m.name, rate, "processes/s", hostProcesses, none)
		if m.workers > 1 {
			b.parallel = rate
		}
	}
	return nil
}

// hostParallel measures the parallel rate alone, beside a figure.
func (b *bench) hostParallel() error {
	rate, err := startRate(2 * runtime.NumCPU())
	if err == nil {
		b.parallel = rate
		b.value("host-parallel", rate, "processes/s", hostProcesses, none)
	}
	return err
}

func startRate(workers int) (float64, error) {
	var wg sync.WaitGroup
	errs := make(chan error, workers)
	begin := time.Now()
	for range workers {
		wg.Go(func() {
			for range hostProcesses / workers {
				if err := exec.Command("/bin/true").Run(); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(begin)
	select {
	case err := <-errs:
		return 0, err
	default:
		return hostProcesses / took.Seconds(), nil
	}
}
