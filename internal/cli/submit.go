// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"goflux/internal/cli/jobargs"
)

// newSubmit is flux submit.
func newSubmit(a *app) *cobra.Command {
	s := &submission{}
	cmd := &cobra.Command{
		Use:   "submit COMMAND [ARGS...]",
		Short: "submit jobs and print their ids",
		Args:  cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			s.Command = args
			return a.submit(s)
		},
	}
	fs := cmd.Flags()
	s.commonFlags(fs)
	s.taskFlags(fs)
	s.bulkFlags(fs)
	ownArgs(cmd)
	return cmd
}

func (a *app) submit(s *submission) error {
	if s.Input != "" && jobargs.IsRanks(s.Input) {
		return fail("per-task input not supported for submit")
	}
	s.completeWait()
	copies, err := s.Copies()
	if err != nil {
		return badSubmission(err)
	}
	c := a.newCopies(s, copies)
	first, err := c.job(0) // before anything is sent
	if err != nil {
		return badSubmission(err)
	}
	if s.dryRun {
		fmt.Fprintln(a.out, first.spec)
		return nil
	}
	b := &bulk{app: a, sub: s, total: max(len(copies), 1)}
	return b.run(c.each)
}

// completeWait makes one option of --wait, --wait-event and --watch.
func (s *submission) completeWait() {
	if s.wait {
		s.Wait = "clean"
	}
}

// copies makes the jobs of --cc and --bcc.
type copies struct {
	app  *app
	sub  *submission
	ids  []uint32 // nil for one job that is no copy
	same bool     // but for FLUX_JOB_CC
	base *job     // of the first copy, when they are the same
}

func (a *app) newCopies(s *submission, ids []uint32) *copies {
	return &copies{app: a, sub: s, ids: ids, same: !s.UsesCC()}
}

// each calls send with every job.
func (c *copies) each(send func(*job) error) error {
	for i := range max(len(c.ids), 1) {
		j, err := c.job(i)
		if err != nil {
			return err
		}
		if err := send(j); err != nil {
			return err
		}
	}
	return nil
}

// job makes copy i.
func (c *copies) job(i int) (*job, error) {
	if c.ids == nil {
		return c.app.newJob(c.sub, c.sub.Submission, "")
	}
	id := strconv.FormatUint(uint64(c.ids[i]), 10)
	label := "cc=" + id + ": "
	if c.same && c.base != nil {
		j := *c.base
		j.spec, j.label = j.spec.Clone(), label
		return &j, c.setCC(&j, id)
	}
	args := &c.sub.Submission
	if !c.same {
		var err error
		if args, _, err = args.Fill(&jobargs.Inputs{Named: map[string]string{"cc": id}}); err != nil {
			return nil, err
		}
	}
	j, err := c.app.newJob(c.sub, *args, label)
	if err != nil {
		return nil, err
	}
	c.base = j
	if c.same {
		first := *j
		first.spec = j.spec.Clone()
		c.base = &first
	}
	return j, c.setCC(j, id)
}

// setCC tells the job which copy it is, unless the user does not want that.
func (c *copies) setCC(j *job, id string) error {
	if c.sub.BCC != "" {
		return nil
	}
	return j.spec.SetAttr("attributes.system.environment.FLUX_JOB_CC", []byte(strconv.Quote(id)))
}
