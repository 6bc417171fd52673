// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/cli/attach"
	"goflux/internal/cli/jobinfo"
	"goflux/internal/cli/outfmt"
	"goflux/jobid"
)

// pgrepOptions are those of flux pgrep and flux pkill.
type pgrepOptions struct {
	allStates, allUsers bool
	user                string
	filter, queues      []string
	count, maxEntries   int
	noHeader, wait      bool
	format              string
}

// Limits of pgrep when none is given.
const (
	pgrepCount   = 99999
	pgrepEntries = 1000
)

func (o *pgrepOptions) flags(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.BoolVarP(&o.allStates, "a", "a", false, "Look at jobs in all states")
	fs.BoolVarP(&o.allUsers, "A", "A", false, "Look at the jobs of all users")
	fs.StringVarP(&o.user, "user", "u", "", "Look at the jobs of `USER`, or all")
	fs.StringSliceVarP(&o.filter, "filter", "f", nil, "Look at jobs in `STATE|RESULT`")
	fs.StringSliceVarP(&o.queues, "queue", "q", nil, "Look at jobs in these `QUEUES`")
	fs.IntVarP(&o.count, "count", "c", pgrepCount, "Stop after `N` matches")
	fs.IntVar(&o.maxEntries, "max-entries", pgrepEntries, "Look at no more than `N` jobs")
}

// newPgrep is flux pgrep.
func newPgrep(a *app) *cobra.Command {
	var o pgrepOptions
	cmd := &cobra.Command{
		Use: "pgrep EXPRESSION...", Short: "find jobs by name or range of ids",
		Args: a.operands(1, -1),
		RunE: func(_ *cobra.Command, args []string) error { return a.pgrep(&o, args) },
	}
	o.flags(cmd)
	cmd.Flags().BoolVarP(&o.noHeader, "no-header", "n", false, "Do not print the header")
	cmd.Flags().StringVarP(&o.format, "format", "o", "default", "Print in `FORMAT`: a name (help lists them) or a format string")
	return cmd
}

// newPkill is flux pkill.
func newPkill(a *app) *cobra.Command {
	var o pgrepOptions
	cmd := &cobra.Command{
		Use: "pkill EXPRESSION...", Short: "cancel jobs by name or range of ids",
		Args: a.operands(1, -1),
		RunE: func(_ *cobra.Command, args []string) error { return a.pkill(&o, args) },
	}
	o.flags(cmd)
	cmd.Flags().Lookup("a").Hidden = true
	cmd.Flags().BoolVar(&o.wait, "wait", false, "Wait until the jobs have ended")
	return cmd
}

// pgrepFormat is what flux pgrep prints when it is not told.
const pgrepFormat = "{id.f58}"

func (a *app) pgrep(o *pgrepOptions, args []string) error {
	formats := jobsFormats()
	set := outfmt.Set{Tool: "flux-jobs", EnvName: "flux-pgrep", Builtin: []outfmt.Named{
		{Name: "default", Description: "Default flux-pgrep format string", Format: pgrepFormat},
		{Name: "full", Description: "full flux-pgrep format string", Format: formats[0].Format},
		{Name: "long", Description: "Extended flux-pgrep format string", Format: formats[2].Format},
		{Name: "deps", Description: formats[3].Description, Format: formats[3].Format},
	}}
	text, done, err := set.Resolve(a.out, o.format)
	if err != nil || done {
		return err
	}
	format, err := outfmt.Parse(text, jobinfo.Headings(text))
	if err != nil {
		return fail("Error in user format: %v", err)
	}
	_, jobs, err := a.matchJobs(o, args)
	if err != nil {
		return err
	}
	fields := jobinfo.NewFields(f58)
	rows := make([]jobRow, len(jobs))
	for i, j := range jobs {
		rows[i] = jobRow{j, fields}
	}
	noHeader := o.noHeader || o.format == "default" && text == pgrepFormat
	return outfmt.Print(format, a.out, rows, outfmt.Options{NoHeader: noHeader})
}

// jobPattern is what to look for: a pattern for the name, a range of ids, or
// both.
type jobPattern struct {
	name     *regexp.Regexp
	from, to jobid.ID
	ranged   bool
}

func parseJobPattern(args []string) (*jobPattern, error) {
	p := &jobPattern{}
	for _, arg := range args {
		from, to, isRange := strings.Cut(arg, "..")
		if isRange && !strings.Contains(arg, ":") {
			first, err1 := jobid.Parse(from)
			last, err2 := jobid.Parse(to)
			if err1 == nil && err2 == nil {
				p.from, p.to, p.ranged = first, last, true
				continue
			}
		}
		if p.name != nil {
			return nil, fmt.Errorf("Only one pattern can be provided")
		}
		var err error
		if p.name, err = regexp.Compile(strings.TrimPrefix(arg, "name:")); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *jobPattern) match(j *jobinfo.Job) bool {
	return (p.name == nil || p.name.MatchString(j.Name)) &&
		(!p.ranged || p.from <= j.ID && j.ID <= p.to)
}

// badPattern is the exit status for an expression that cannot be read.
const badPattern = 2

// matchJobs finds the jobs; that there is none is exit status 1.
func (a *app) matchJobs(o *pgrepOptions, args []string) (*flux.Client, []*jobinfo.Job, error) {
	p, err := parseJobPattern(args)
	if err != nil {
		return nil, nil, failStatus(badPattern, "expression error: %v", err)
	}
	q := &jobQuery{
		attrs: []string{"all"}, user: uint32(os.Getuid()), filter: o.filter,
		queues: o.queues, count: o.maxEntries,
	}
	switch {
	case o.allUsers:
		q.user = allUsers
	case o.user != "":
		if q.user, err = parseUserStrict(o.user); err != nil {
			return nil, nil, err
		}
	}
	if o.allStates {
		q.filter = append(q.filter, "pending", "running", "inactive")
	}
	if len(q.filter) == 0 {
		q.filter = []string{"pending", "running"}
	}
	h, err := a.open()
	if err != nil {
		return nil, nil, err
	}
	all, err := a.queryJobs(h, q)
	if err != nil {
		return nil, nil, err
	}
	var found []*jobinfo.Job
	for _, j := range all {
		if len(found) < o.count && p.match(j) {
			found = append(found, j)
		}
	}
	if len(found) == 0 {
		return nil, nil, exitStatus(1)
	}
	return h, found, nil
}

func (a *app) pkill(o *pgrepOptions, args []string) error {
	h, jobs, err := a.matchJobs(o, args)
	if err != nil {
		return err
	}
	calls := make([]*flux.Call, len(jobs))
	for i, j := range jobs {
		if calls[i], err = sendCancel(h, j.ID, ""); err != nil {
			return err
		}
	}
	var canceled []jobid.ID
	for i, call := range calls {
		if err := call.Get(a.ctx, nil); err != nil {
			a.problem(fmt.Sprintf("flux-pkill: ERROR: %s: cancel: %s", f58(jobs[i].ID), osErrorText(err)))
			continue
		}
		canceled = append(canceled, jobs[i].ID)
	}
	if o.wait {
		for _, id := range canceled {
			log, err := attach.OpenLog(h, id, mainLogPath, 0)
			if err != nil {
				return err
			}
			if _, err := a.waitResult(id, log); err != nil {
				return err
			}
		}
	}
	a.problem("flux-pkill: INFO: Canceled " + jobCount(len(canceled)))
	if len(canceled) < len(jobs) {
		return exitStatus(1)
	}
	return nil
}
