// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"goflux/flux"
	"goflux/internal/cli/jobinfo"
	"goflux/internal/cli/outfmt"
	"goflux/internal/rpc"
	"goflux/jobid"
)

// pstreeOptions are those of flux pstree.
type pstreeOptions struct {
	all, long, parentIDs, extended bool
	noHeader, noCombine            bool
	compact, ascii                 bool
	label, parentLabel             string
	details, detailFormat          string
	skipRoot                       string
	jobs                           jobsOptions // how instances are asked
}

// pstreeDetails are the named formats of what stands before the tree.
func pstreeDetails() []outfmt.Named {
	const head = "{id.f58:>12} "
	return []outfmt.Named{
		{Name: "default", Format: head + "{username:<8.8} {status_abbrev:>2.2} {ntasks:>6h} {nnodes:>6h} {runtime!F:>8h}"},
		{Name: "resources", Format: head +
			"{instance.resources.all.nnodes:>5} {instance.resources.allocated.nnodes:>5} " +
			"{instance.resources.all.ncores:>5} {instance.resources.allocated.ncores:>5} " +
			"{instance.resources.all.ngpus:>5} {instance.resources.allocated.ngpus:>5}"},
		{Name: "progress", Format: head + "{ntasks:>6} {instance.stats.total:>6} {instance.progress!P:>5} " +
			"{instance.utilization!P:>5} {instance.gpu_utilization!P:>5} {runtime!H:>10h}"},
		{Name: "stats", Format: head + "{instance.stats:^25} {runtime!H:>10h}"},
	}
}

// pstreeWidth is where lines are cut when nothing says how wide a line may be.
const pstreeWidth = 80

// newPstree is flux pstree (flux-pstree(1)).
func newPstree(a *app) *cobra.Command {
	var o pstreeOptions
	cmd := &cobra.Command{
		Use: "pstree [JOBID...]", Short: "show jobs, and the jobs in them, as a tree",
		Args: cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := o.complete(args); err != nil {
				return err
			}
			return a.pstree(&o)
		},
	}
	o.flags(cmd.Flags())
	return cmd
}

func (o *pstreeOptions) flags(fs *pflag.FlagSet) {
	fs.BoolVarP(&o.all, "all", "a", false, "Show jobs in all states, and their status")
	fs.IntVarP(&o.jobs.query.count, "count", "c", jobsCount, "Show at most `N` jobs of each instance")
	fs.StringSliceVarP(&o.jobs.query.filter, "filter", "f", nil, "Show jobs in `STATE|RESULT`")
	fs.BoolVarP(&o.long, "long", "l", false, "Do not cut long lines")
	fs.BoolVarP(&o.parentIDs, "parent-ids", "p", false, "Show the ids of jobs that are instances")
	fs.IntVarP(&o.jobs.level, "level", "L", 9999, "Descend `N` levels")
	fs.BoolVarP(&o.extended, "extended", "x", false, "Show details before the tree")
	fs.StringVarP(&o.details, "details", "d", "", "Show the details `NAME`: default, resources, progress or stats")
	fs.StringVar(&o.detailFormat, "detail-format", "", "Show details in `FORMAT` before the tree")
	fs.BoolVarP(&o.noHeader, "no-header", "n", false, "Print no header over details")
	fs.BoolVarP(&o.noCombine, "no-combine", "X", false, "Show each of several equal jobs")
	fs.StringVarP(&o.label, "label", "o", "", "Show jobs in `FORMAT`")
	fs.StringVar(&o.parentLabel, "parent-label", "", "Show jobs that are instances in `FORMAT`")
	fs.StringVar(&o.skipRoot, "skip-root", "", "Leave the enclosing instance out (`yes|no`)")
	fs.BoolVarP(&o.compact, "compact", "C", false, "Use short connectors")
	fs.BoolVar(&o.ascii, "ascii", false, "Use connectors of ASCII characters")
	fs.IntVar(&o.jobs.threads, "threads", 0, "Ask at most `N` instances at a time")
}

// complete works out what the options mean together.
func (o *pstreeOptions) complete(args []string) error {
	q := &o.jobs.query
	var err error
	if q.ids, err = operandIDs(args); err != nil {
		return err
	}
	q.names, q.user = args, uint32(os.Getuid())
	o.jobs.recursive = true
	if o.skipRoot != "" && o.skipRoot != "yes" && o.skipRoot != "no" {
		return fail("--skip-root requires either 'yes' or 'no'")
	}
	if o.all {
		q.filter = []string{"pending", "running", "inactive"}
	}
	if len(q.filter) == 0 {
		q.filter = []string{"running"}
	}
	o.completeLabels()
	return o.completeDetails()
}

func (o *pstreeOptions) completeLabels() {
	if o.parentLabel == "" {
		o.parentLabel = o.label
	}
	if o.parentLabel == "" {
		o.parentLabel = "{name}"
	}
	if o.label == "" {
		o.label = "{name}"
		if o.all {
			o.label = "{name}:{status_abbrev}"
		}
	}
	if o.parentIDs {
		o.parentLabel = "{id.f58} " + o.parentLabel
	}
}

func (o *pstreeOptions) completeDetails() error {
	if o.extended && o.details == "" {
		o.details = "default"
	}
	if o.details != "" && o.detailFormat == "" {
		named, ok := outfmtNamed(pstreeDetails(), o.details)
		if !ok {
			return fail("Unknown --details format '%s': use default, resources, progress or stats", o.details)
		}
		o.detailFormat = named
	}
	if o.skipRoot == "" && (o.detailFormat != "" || len(o.jobs.query.ids) > 0) {
		o.skipRoot = "yes"
	}
	// Equal jobs are of one line, but each has details of its own.
	o.noCombine = o.noCombine || o.detailFormat != ""
	return nil
}

func outfmtNamed(formats []outfmt.Named, name string) (format string, ok bool) {
	for _, f := range formats {
		if f.Name == name {
			return f.Format, true
		}
	}
	return "", false
}

// width is how wide lines may be, 0 without limit.
func (o *pstreeOptions) width() int {
	if o.long {
		return 0
	}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if n := outfmt.TerminalWidth(); n > 0 {
		return n
	}
	return pstreeWidth
}

func (a *app) pstree(o *pstreeOptions) error {
	p := &treePrinter{out: a.out, width: o.width(), links: linksOf(o), combine: !o.noCombine}
	if err := p.formats(o); err != nil {
		return err
	}
	o.jobs.fields = p.all
	o.jobs.query.attrs = jobinfo.Attrs(append(p.all.Fields(), "name", "annotations", "status", "state", "userid"))
	h, err := a.open()
	if err != nil {
		return err
	}
	jobs, err := a.fetchFrom(h, &o.jobs)
	if err != nil {
		return err
	}
	nodes := a.treeNodes(o, jobs, 0)
	if o.skipRoot != "yes" {
		root, err := a.enclosing(h, o)
		if err != nil {
			return err
		}
		nodes = []*treeNode{{job: root, parent: true, children: nodes}}
	}
	return p.print(nodes, !o.noHeader)
}

// treeNodes makes nodes of jobs, and of the jobs in them.
func (a *app) treeNodes(o *pstreeOptions, jobs []*jobinfo.Job, level int) []*treeNode {
	nodes := make([]*treeNode, len(jobs))
	of := map[*jobinfo.Job]*treeNode{}
	for i, j := range jobs {
		nodes[i] = &treeNode{job: j, parent: o.jobs.isOpenInstance(j)}
		of[j] = nodes[i]
	}
	if level < o.jobs.level {
		for _, c := range a.children(&o.jobs, jobs) {
			of[c.job].children = a.treeNodes(o, c.jobs, level+1)
		}
	}
	return nodes
}

// enclosing is the enclosing instance as a job: the one that it is in the
// instance around it, or one named "." at the top.
func (a *app) enclosing(h *flux.Client, o *pstreeOptions) (*jobinfo.Job, error) {
	if own, err := h.Attr(a.ctx, "jobid"); err == nil {
		return a.jobAround(h, own, o)
	} else if !errors.Is(err, syscall.ENOENT) {
		return nil, err
	}
	var start rpc.AttrValue
	if err := h.RPC(a.ctx, "attr.get", 0, rpc.Name{Name: "broker.starttime"}, &start); err != nil {
		return nil, fail("Error fetching broker.starttime attribute: %v", err)
	}
	since, err := strconv.ParseFloat(start.Value, 64)
	if err != nil {
		return nil, fail("broker.starttime is %q, which is no time", start.Value)
	}
	numbers := map[string]int64{}
	for _, name := range []string{"size", "security.owner"} {
		text, err := h.Attr(a.ctx, name)
		if err == nil {
			numbers[name], err = strconv.ParseInt(text, 10, 64)
		}
		if err != nil {
			return nil, fail("Error fetching %s attribute: %v", name, err)
		}
	}
	size := numbers["size"]
	return &jobinfo.Job{
		Name: rootName, UserID: uint32(numbers["security.owner"]), State: jobinfo.StateRun, TRun: since,
		NTasks: &size, NNodes: &size, Now: time.Now(), Instance: a.askInstance(h),
	}, nil
}

// rootName is the name of an instance that is no job, in place of its id, too.
const rootName = "."

// jobAround is the job of the instance around this one that this one is.
func (a *app) jobAround(h *flux.Client, own string, o *pstreeOptions) (*jobinfo.Job, error) {
	id, err := jobid.Parse(own)
	if err != nil {
		return nil, err
	}
	uri, err := h.Attr(a.ctx, "parent-uri")
	if err != nil {
		return nil, err
	}
	parent, err := flux.Open(a.ctx, uri)
	if err != nil {
		return nil, fail("cannot reach the enclosing instance at %s, of which this one is job %s: %v", uri, own, err)
	}
	defer parent.Close()
	above := o.jobs
	above.query.ids, above.query.names = []jobid.ID{id}, []string{own}
	jobs, err := a.fetchFrom(parent, &above)
	if err == nil && len(jobs) == 0 {
		err = fail("the enclosing instance no longer knows job %s", own)
	}
	if err != nil {
		return nil, err
	}
	return jobs[0], nil
}
