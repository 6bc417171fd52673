// SPDX-License-Identifier: LGPL-3.0-or-later

package squeue

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// patience bounds the wait for squeue, which waits for Slurm's controller.
const patience = 10 * time.Second

// TimeLeft is how much time a job has left; limited is false for one without
// end.
func TimeLeft(ctx context.Context, job int) (left time.Duration, limited bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "squeue", "--noheader", "--job="+strconv.Itoa(job), "-o", "%L").Output()
	var exit *exec.ExitError
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return 0, false, errors.New("squeue not found in PATH")
	case errors.As(err, &exit):
		return 0, false, fmt.Errorf("squeue failed: %s", strings.TrimSpace(string(exit.Stderr)))
	case err != nil:
		return 0, false, fmt.Errorf("squeue failed: %w", err)
	}
	left, limited = parse(strings.TrimSpace(string(out)))
	return left, limited, nil
}

// parse reads DAYS-HOURS:MINUTES:SECONDS, where days and hours may be missing.
// Any other text is no limit.
func parse(text string) (time.Duration, bool) {
	days, clock, ok := strings.Cut(text, "-")
	if !ok {
		days, clock = "0", text
	}
	fields := strings.Split(clock, ":")
	if len(fields) == 2 {
		fields = append([]string{"0"}, fields...)
	}
	fields = append([]string{days}, fields...)
	units := []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second}
	if len(fields) != len(units) {
		return 0, false
	}
	const most = 100000 // of any unit, lest the sum overflow
	var sum time.Duration
	for i, f := range fields {
		n, err := strconv.ParseUint(f, 10, 32)
		if err != nil || n > most {
			return 0, false
		}
		sum += time.Duration(n) * units[i]
	}
	return sum, true
}
