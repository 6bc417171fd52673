// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"goflux/flux"
	"goflux/internal/cli/jobinfo"
	"goflux/rset"
)

// defaultThreads is how many instances are asked at a time.
const defaultThreads = 16

// maxLine bounds a line of --from-stdin.
const maxLine = 16 << 20

// fetchJobs asks the enclosing instance, or reads standard input.
func (a *app) fetchJobs(o *jobsOptions) ([]*jobinfo.Job, error) {
	if o.fromStdin {
		return a.readJobs()
	}
	h, err := a.open()
	if err != nil {
		return nil, err
	}
	return a.fetchFrom(h, o)
}

// readJobs reads jobs as JSON, one a line.
func (a *app) readJobs() ([]*jobinfo.Job, error) {
	var jobs []*jobinfo.Job
	lines := bufio.NewScanner(a.in)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		j, err := jobinfo.Parse(lines.Bytes(), time.Now())
		if err != nil {
			return nil, fail("JSON input error: line %d: %v", n, err)
		}
		jobs = append(jobs, j)
	}
	return jobs, lines.Err()
}

// fetchFrom asks one instance. One job more than wanted tells whether there
// are more.
func (a *app) fetchFrom(h *flux.Client, o *jobsOptions) ([]*jobinfo.Job, error) {
	q := o.query
	if q.count > 0 {
		q.count++
	}
	jobs, err := a.queryJobs(h, &q)
	if err != nil {
		return nil, err
	}
	if n := o.query.count; n > 0 && len(jobs) > n && len(q.ids) == 0 {
		jobs, o.truncated = jobs[:n], true
	}
	if slices.ContainsFunc(o.fields.Fields(), func(f string) bool { return strings.HasPrefix(f, "instance.") }) {
		a.each(o, len(jobs), func(i int) { jobs[i].Instance = a.instanceOf(jobs[i]) })
	}
	return jobs, nil
}

// each calls f for 0 to n-1, several at a time.
func (a *app) each(o *jobsOptions, n int, f func(i int)) {
	threads := o.threads
	if threads < 1 {
		threads = defaultThreads
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, threads)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			f(i)
			<-slots
		})
	}
	wg.Wait()
}

// openJob connects to the instance that a running job is.
func (a *app) openJob(j *jobinfo.Job) (*flux.Client, error) {
	return flux.Open(a.ctx, jobinfo.LocalURI(j.URI()))
}

// instanceOf asks a job that is an instance about itself; nil if it does not
// answer.
func (a *app) instanceOf(j *jobinfo.Job) *jobinfo.Instance {
	if j.URI() == "" || j.State != jobinfo.StateRun {
		return nil
	}
	h, err := a.openJob(j)
	if err != nil {
		return nil
	}
	defer h.Close()
	return a.askInstance(h)
}

// askInstance asks an instance about itself; nil if it does not answer.
func (a *app) askInstance(h *flux.Client) *jobinfo.Instance {
	stats, err := a.jobStatistics(h, nil)
	if err != nil {
		return nil
	}
	var status map[string]*rset.R
	if h.RPC(a.ctx, "resource.sched-status", 0, nil, &status) != nil {
		return nil
	}
	in := &jobinfo.Instance{Stats: stats, Resources: status}
	in.Complete()
	return in
}

// isOpenInstance tells whether to descend into a job.
func (o *jobsOptions) isOpenInstance(j *jobinfo.Job) bool {
	return j.URI() != "" && j.State == jobinfo.StateRun &&
		(o.recurseAll || j.UserID == uint32(os.Getuid()))
}

// childList is what an instance below answered.
type childList struct {
	job   *jobinfo.Job
	jobs  []*jobinfo.Job
	stats *jobinfo.Stats
}

// children asks the instances among jobs. One that does not answer has none.
func (a *app) children(o *jobsOptions, jobs []*jobinfo.Job) []*childList {
	below := *o
	below.query.ids, below.query.names = nil, nil
	var lists []*childList
	for _, j := range jobs {
		if o.isOpenInstance(j) {
			lists = append(lists, &childList{job: j})
		}
	}
	a.each(o, len(lists), func(i int) {
		h, err := a.openJob(lists[i].job)
		if err != nil {
			return
		}
		defer h.Close()
		own := below
		if lists[i].jobs, err = a.fetchFrom(h, &own); err == nil && o.stats {
			lists[i].stats, _ = a.jobStatistics(h, nil)
		}
	})
	return lists
}

// printJobTree prints jobs, and below them those of the instances they are.
func (a *app) printJobTree(o *jobsOptions, jobs []*jobinfo.Job, path string, level int) error {
	if err := a.printRows(a.out, o, jobs, level == 0 && !o.noHeader); err != nil {
		return err
	}
	if !o.recursive || level == o.level {
		return nil
	}
	for _, c := range a.children(o, jobs) {
		here := path + f58(c.job.ID)
		fmt.Fprintf(a.out, "\n%s:\n", here)
		if s := c.stats; s != nil {
			fmt.Fprintf(a.out, "%d running, %d completed, %d failed, %d pending\n",
				s.Running(), s.Successful, s.Unsuccessful(), s.Pending())
		}
		if err := a.printJobTree(o, c.jobs, here+"/", level+1); err != nil {
			return err
		}
	}
	return nil
}

// jobsJSON prints jobs as JSON.
func (a *app) jobsJSON(o *jobsOptions, jobs []*jobinfo.Job) error {
	trees := make([]*jobinfo.Tree, len(jobs))
	byJob := map[*jobinfo.Job]*jobinfo.Tree{}
	for i, j := range jobs {
		trees[i] = &jobinfo.Tree{Job: j}
		byJob[j] = trees[i]
	}
	if o.recursive && o.level > 0 {
		for _, c := range a.children(o, jobs) {
			for _, j := range c.jobs {
				byJob[c.job].Children = append(byJob[c.job].Children, &jobinfo.Tree{Job: j})
			}
		}
	}
	var text string
	var err error
	if len(o.query.ids) == 1 {
		text, err = trees[0].JSON(f58)
	} else {
		text, err = jobinfo.ListJSON(trees, f58)
	}
	if err == nil {
		fmt.Fprintln(a.out, text)
	}
	return err
}
