// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"goflux/internal/cli/jobinfo"
	"goflux/internal/cli/jobwatch"
)

// watchOptions are those of flux watch.
type watchOptions struct {
	active, all            bool
	count                  int
	filter                 []string
	since                  string
	progress, jps, labelIO bool
	verbose                int
	filtered               bool
}

// newWatch is flux watch.
func newWatch(a *app) *cobra.Command {
	var o watchOptions
	cmd := &cobra.Command{
		Use: "watch [JOBID...]", Short: "follow the output of jobs",
		Args: cobra.ArbitraryArgs,
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.active, "active", "a", false, "Watch all my active jobs")
	fs.BoolVarP(&o.all, "all", "A", false, "Watch all my jobs, inactive ones too")
	fs.IntVarP(&o.count, "count", "c", 0, "Watch at most `N` jobs")
	fs.StringSliceVarP(&o.filter, "filter", "f", nil, "Watch jobs in `STATE|RESULT`")
	fs.StringVar(&o.since, "since", "", "Watch also jobs that ended since `WHEN`")
	fs.BoolVar(&o.progress, "progress", false, "Show a progress bar")
	fs.BoolVar(&o.jps, "jps", false, "Show jobs per second instead of the time")
	fs.BoolVarP(&o.labelIO, "label-io", "l", false, "Begin lines of output with job and task")
	fs.CountVarP(&o.verbose, "verbose", "v", "Say more")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		for _, name := range []string{"active", "all", "count", "filter", "since"} {
			o.filtered = o.filtered || fs.Changed(name)
		}
		return a.watchJobs(&o, args)
	}
	return cmd
}

// badSince is the exit status for a --since that makes no sense.
const badSince = 2

func (a *app) watchJobs(o *watchOptions, args []string) error {
	ids, err := operandIDs(args)
	if err != nil {
		return err
	}
	if len(ids) > 0 && o.filtered {
		a.warning("Filtering options ignored with jobid list")
	}
	h, err := a.open()
	if err != nil {
		return err
	}
	var began float64 // when this instance did
	if text, err := h.Attr(a.ctx, "broker.starttime"); err == nil {
		began, _ = strconv.ParseFloat(text, 64)
	} else if !errors.Is(err, syscall.ENOENT) {
		return err
	}
	q := &jobQuery{
		ids: ids, names: args, attrs: jobinfo.Attrs([]string{"status", "t_submit", "returncode"}),
		user: uint32(os.Getuid()), count: o.count,
	}
	start, err := o.complete(q, began)
	if err != nil {
		return err
	}
	if len(q.filter) == 0 && len(ids) == 0 {
		a.problem("flux-watch: ERROR: At least one job selection option is required")
		a.problem("Try 'flux watch --help' for more information.")
		return exitStatus(1)
	}
	jobs, err := a.queryJobs(h, q)
	if err != nil {
		return err
	}
	if len(jobs) == 0 {
		a.problem("flux-watch: INFO: No matching jobs")
		return nil
	}
	if o.verbose > 0 {
		a.problem(fmt.Sprintf("flux-watch: INFO: Watching %d jobs", len(jobs)))
	}
	if o.progress && !stdoutIsTerminal() {
		a.warning("stdout is not a tty. Ignoring --progress option")
		o.progress = false
	}
	w := jobwatch.New(a.ctx, h, jobwatch.Options{
		Watch: true, LabelIO: o.labelIO, LogEvents: o.verbose > 1, LogStatus: o.verbose > 0,
		Start: start, Clean: o.progress, Flush: a.flush,
	})
	var bar *submitBar
	if o.progress {
		bar = a.watchBar(w, o.jps)
	}
	for _, j := range jobs {
		w.Add(jobwatch.Job{ID: j.ID, Name: f58(j.ID), Submitted: j.TSubmit, Out: a.out, Err: a.err})
	}
	exit := w.Run()
	bar.stop()
	return exitStatus(exit)
}

// complete works out which jobs, and since when time is counted.
func (o *watchOptions) complete(q *jobQuery, began float64) (start float64, err error) {
	q.filter = o.filter
	if o.since != "" {
		o.all = o.all || len(o.filter) == 0
		var ok bool
		if q.since, ok = parseSince(o.since); !ok {
			return 0, failStatus(badSince, "--since: invalid value '%s'", o.since)
		}
		if q.since > float64(time.Now().Unix()+1) {
			return 0, failStatus(badSince, "--since=%s appears to be in the future", o.since)
		}
		start = max(q.since, began)
	}
	if o.active {
		q.filter = append(q.filter, "pending", "running")
	}
	if o.all {
		q.filter = append(q.filter, "pending", "running", "inactive")
		if start == 0 {
			start = began
		}
	}
	return start, nil
}
