// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"goflux/flux"
	"goflux/internal/cli/jobinfo"
	"goflux/internal/cli/outfmt"
)

// jobsOptions are those of flux jobs.
type jobsOptions struct {
	query                             jobQuery
	all, allUsers                     bool
	since, user                       string
	noHeader, fromStdin, json         bool
	format, sort, width               string
	recursive, recurseAll             bool
	level, threads                    int
	stats, statsOnly                  bool
	color                             bool
	fields                            *outfmt.Format
	filtered, filteredUser, truncated bool
}

// jobsFormats are the named formats of listings of jobs.
func jobsFormats() []outfmt.Named {
	const head = "{id.f58:>12} ?:{queue:<8.8} +:{username:<8} {name:<10.10+} "
	const tail = "{ntasks:>6} {nnodes:>6h} {contextual_time!F:>8h} {contextual_info}"
	return []outfmt.Named{
		{Name: "default", Description: "Default flux-jobs format string", Format: head + "{status_abbrev:>2.2} " + tail},
		{Name: "cute", Description: "Cute flux-jobs format string (default with emojis)", Format: head + "{status_emoji:>5.5} " + tail},
		{Name: "long", Description: "Extended flux-jobs format string", Format: head +
			"{status:>9.9} {ntasks:>6} {nnodes:>6h} {t_submit!d:%b%d %R::>12} {t_remaining!F:>12h} {contextual_time!F:>8h} {contextual_info}"},
		{Name: "deps", Description: "Show job urgency, priority, and dependencies", Format: depsFormat},
		{Name: "endreason", Description: "Show why each job ended", Format: head +
			"{status_abbrev:>2.2} {t_inactive!d:%b%d %R::>12h} {inactive_reason}"},
	}
}

const depsFormat = "{id.f58:>12} ?:{queue:<8.8} {name:<10.10+} {urgency:<3} {priority:<12} {state:<8.8} {dependencies}"

// jobsCount is how many jobs are listed when no number is given.
const jobsCount = 1000

// newJobs is flux jobs.
func newJobs(a *app) *cobra.Command {
	var o jobsOptions
	cmd := &cobra.Command{
		Use: "jobs [JOBID...]", Short: "list jobs",
		Args: cobra.ArbitraryArgs,
	}
	fs := cmd.Flags()
	o.flags(fs)
	when := colorFlag(cmd, "")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		var err error
		if o.color, err = a.color(*when); err != nil {
			return err
		}
		for _, name := range []string{"a", "A", "count", "filter", "since", "user", "name", "queue"} {
			o.filtered = o.filtered || fs.Changed(name)
		}
		o.filteredUser = fs.Changed("user")
		if o.query.ids, err = operandIDs(args); err != nil {
			return err
		}
		o.query.names = args
		return a.jobs(&o)
	}
	return cmd
}

func (o *jobsOptions) flags(fs *pflag.FlagSet) {
	fs.BoolVarP(&o.all, "a", "a", false, "List jobs in all states")
	fs.BoolVarP(&o.allUsers, "A", "A", false, "List the jobs of all users")
	fs.IntVarP(&o.query.count, "count", "c", jobsCount, "List at most `N` jobs, 0 for all")
	fs.StringSliceVarP(&o.query.filter, "filter", "f", nil, "List jobs in `STATE|RESULT`")
	fs.StringVar(&o.since, "since", "", "List also jobs that ended since `WHEN`")
	fs.BoolVarP(&o.noHeader, "no-header", "n", false, "Do not print the header")
	fs.BoolVar(&o.noHeader, "suppress-header", false, "")
	fs.StringVarP(&o.user, "user", "u", "", "List the jobs of `USER`, or all")
	fs.StringVar(&o.query.name, "name", "", "List jobs with this `NAME`")
	fs.StringSliceVarP(&o.query.queues, "queue", "q", nil, "List jobs in these `QUEUES`")
	fs.StringVarP(&o.query.include, "include", "i", "", "List jobs on these `HOSTS|RANKS`")
	fs.StringVarP(&o.format, "format", "o", "default", "Print in `FORMAT`: a name (help lists them) or a format string")
	fs.StringVar(&o.sort, "sort", "", "Sort by `KEY,...`")
	fs.StringVarP(&o.width, "width", "w", "-1", "Cut lines at `N` columns, 0 for those of the terminal")
	fs.Lookup("width").NoOptDefVal = "0"
	fs.BoolVar(&o.json, "json", false, "Print JSON")
	fs.BoolVarP(&o.recursive, "recursive", "R", false, "List the jobs of jobs that are instances, too")
	fs.IntVarP(&o.level, "level", "L", 9999, "With --recursive, descend `N` levels")
	fs.BoolVar(&o.recurseAll, "recurse-all", false, "With --recursive, try the jobs of other users, too")
	fs.IntVar(&o.threads, "threads", 0, "Ask at most `N` instances at a time")
	fs.BoolVar(&o.stats, "stats", false, "Print statistics first")
	fs.BoolVar(&o.statsOnly, "stats-only", false, "Print statistics only; exit 1 if no job is active")
	fs.BoolVar(&o.fromStdin, "from-stdin", false, "")
	for _, name := range []string{"suppress-header", "from-stdin"} {
		fs.Lookup(name).Hidden = true
	}
}

func (a *app) jobs(o *jobsOptions) error {
	if o.json && (o.stats || o.statsOnly) {
		return fail("--json incompatible with --stats or --stats-only")
	}
	if len(o.query.ids) > 0 && o.filtered && !o.recursive {
		a.warning("Filtering options ignored with jobid list")
	}
	o.recursive = o.recursive || o.recurseAll
	done, err := a.jobsFormat(o)
	if err != nil || done {
		return err
	}
	if o.stats || o.statsOnly {
		active, err := a.printJobStats(o)
		if err != nil || o.statsOnly {
			if err == nil && !active {
				err = exitStatus(1)
			}
			return err
		}
	}
	if err := o.complete(a); err != nil {
		return err
	}
	jobs, err := a.fetchJobs(o)
	if err != nil {
		return err
	}
	if len(o.query.ids) > 0 && len(jobs) == 0 {
		return exitStatus(1)
	}
	if o.json {
		return a.jobsJSON(o, jobs)
	}
	if err := a.printJobTree(o, jobs, "", 0); err != nil {
		return err
	}
	if !o.noHeader && o.truncated {
		a.problem(fmt.Sprintf("warning: output truncated at %d jobs.", o.query.count))
		a.problem("Use --count to increase returned results or use filters to alter results.")
	}
	return nil
}

// warning prints a line in the form of strict commands.
func (a *app) warning(text string) {
	a.problem(fmt.Sprintf("flux-%s: WARNING: %s", a.name, text))
}

// jobsFormat finds the format; done when the user only asked about formats.
func (a *app) jobsFormat(o *jobsOptions) (done bool, err error) {
	set := outfmt.Set{Tool: "flux-jobs", Builtin: jobsFormats()}
	text, done, err := set.Resolve(a.out, o.format)
	if err != nil || done {
		return done, err
	}
	if o.fields, err = outfmt.Parse(text, jobinfo.Headings(text+"{"+o.sort+"}")); err != nil {
		return false, fail("Error in user format: %v", err)
	}
	if o.sort != "" {
		if err := o.fields.SetSort(o.sort); err != nil {
			return false, fail("%v", err)
		}
	}
	return false, nil
}

// complete works out what the options mean together.
func (o *jobsOptions) complete(a *app) error {
	q := &o.query
	if o.since != "" && len(q.filter) == 0 {
		o.all = true
	}
	if o.all && len(q.filter) > 0 {
		a.warning("Both -a and --filter specified, ignoring -a")
	} else if o.all {
		q.filter = []string{"pending", "running", "inactive"}
	}
	if len(q.filter) == 0 {
		q.filter = []string{"pending", "running"}
	}
	if o.since != "" {
		var ok bool
		if q.since, ok = parseSince(o.since); !ok {
			return fail("could not convert string to float: '%s'", o.since)
		}
		if q.since > float64(time.Now().Unix()+1) {
			return fail("--since=%s appears to be in the future", o.since)
		}
	}
	var err error
	q.user = uint32(os.Getuid())
	switch {
	case o.allUsers, q.include != "" && !o.filteredUser:
		q.user = allUsers
	case o.user != "":
		if q.user, err = parseUserStrict(o.user); err != nil {
			return err
		}
	}
	names := o.fields.Fields()
	if o.color {
		names = append(names, "result", "annotations")
	}
	if o.recursive {
		names = append(names, "annotations", "status", "userid")
	}
	q.attrs = jobinfo.Attrs(names)
	if o.json {
		q.attrs = []string{"all"}
	}
	return nil
}

// jobRow makes a job a row of a listing.
type jobRow struct {
	*jobinfo.Job
	fields *jobinfo.Fields
}

func (r jobRow) Field(name string) any { return r.fields.Of(r.Job, name) }

// printRows prints a listing.
func (a *app) printRows(w io.Writer, o *jobsOptions, jobs []*jobinfo.Job, header bool) error {
	fields := jobinfo.NewFields(f58)
	rows := make([]jobRow, len(jobs))
	for i, j := range jobs {
		rows[i] = jobRow{j, fields}
	}
	width, err := strconv.Atoi(o.width)
	if err != nil {
		return usageError("argument -w/--width: invalid int value: '%s'", o.width)
	}
	if width == 0 {
		width = outfmt.TerminalWidth()
	}
	opt := outfmt.Options{NoHeader: !header, Width: max(width, 0)}
	c := jobColors{}
	if o.color {
		opt.Decorate = func(i int, line string) string { return c.next(jobColor(rows[i].Job)) + line }
	}
	if err := outfmt.Print(o.fields, w, rows, opt); err != nil {
		return fail("%v", err)
	}
	fmt.Fprint(w, c.next(""))
	for i := range rows {
		jobs[i] = rows[i].Job // sorted
	}
	return nil
}

// jobColors changes colours between lines: a line's colour ends after its line
// break.
type jobColors struct{ on bool }

// next is what to print before a line of a colour, "" for none.
func (c *jobColors) next(color string) string {
	reset := ""
	if c.on {
		reset = "\x1b[0;0m"
	}
	c.on = color != ""
	return reset + color
}

// jobColor is the colour of a job's line.
func jobColor(j *jobinfo.Job) string {
	switch {
	case j.Result == jobinfo.ResultCompleted:
		return "\x1b[01;32m"
	case j.Result == jobinfo.ResultFailed, j.Result == jobinfo.ResultTimeout:
		return "\x1b[01;31m"
	case j.Result == jobinfo.ResultCanceled:
		return "\x1b[37m"
	case j.URI() != "":
		return "\x1b[01;34m"
	}
	return ""
}

// printJobStats prints a line of statistics and tells whether jobs are active.
func (a *app) printJobStats(o *jobsOptions) (active bool, err error) {
	h, err := a.open()
	if err != nil {
		return false, err
	}
	s, err := a.jobStatistics(h, o.query.queues)
	if err != nil {
		return false, err
	}
	fmt.Fprintf(a.out, "%d running, %d completed, %d failed, %d pending, %d inactive purged\n",
		s.Running(), s.Successful, s.Unsuccessful(), s.Pending(), s.Purged)
	return s.Active() > 0, nil
}

// jobStatistics are those of an instance, or of some of its queues.
func (a *app) jobStatistics(h *flux.Client, queues []string) (*jobinfo.Stats, error) {
	var all jobinfo.Stats
	if err := h.RPC(a.ctx, "job-list.job-stats", flux.NodeAny, struct{}{}, &all); err != nil {
		return nil, fail("error retrieving job stats: %v", err)
	}
	if len(queues) == 0 {
		return &all, nil
	}
	sum := &jobinfo.Stats{}
	for _, name := range queues {
		found := false
		for i := range all.Queues {
			if all.Queues[i].Name == name {
				sum.Add(&all.Queues[i])
				found = true
			}
		}
		if !found {
			return nil, fail("error retrieving job stats: no stats available for queue %s", name)
		}
	}
	return sum, nil
}
