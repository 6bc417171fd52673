// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"goflux/internal/cli/jobargs"
)

// bulkOptions are those that flux bulksubmit has beside flux submit's.
type bulkOptions struct {
	submission
	shuffle bool
	sep     string
	define  []string
}

// newBulksubmit is flux bulksubmit.
func newBulksubmit(a *app) *cobra.Command {
	o := &bulkOptions{}
	cmd := &cobra.Command{
		Use:   "bulksubmit COMMAND [ARGS...] [::: INPUTS...]",
		Short: "submit a job for every input",
		Args:  cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			o.Command = args
			return a.bulksubmit(o)
		},
	}
	fs := cmd.Flags()
	o.commonFlags(fs)
	o.taskFlags(fs)
	o.bulkFlags(fs)
	fs.BoolVar(&o.shuffle, "shuffle", false, "Submit in random order")
	fs.StringVar(&o.sep, "sep", "\n", "Split files of inputs at `STRING`, or with none at white space")
	fs.StringArrayVar(&o.define, "define", nil, "Define attribute `NAME=CODE` of inputs, a Python expression of x\n(repeatable)")
	ownArgs(cmd)
	return cmd
}

func (a *app) bulksubmit(o *bulkOptions) error {
	o.completeWait()
	jobs, shown, err := a.bulkJobs(o)
	if err != nil {
		return badSubmission(err)
	}
	if o.shuffle {
		rand.Shuffle(len(jobs), func(i, j int) {
			jobs[i], jobs[j] = jobs[j], jobs[i]
			shown[i], shown[j] = shown[j], shown[i]
		})
	}
	total := 0
	lists := make([][]uint32, len(jobs))
	for i, s := range jobs {
		if lists[i], err = s.Copies(); err != nil {
			return badSubmission(err)
		}
		total += max(len(lists[i]), 1)
	}
	if total == 0 {
		return fail("no jobs provided for bulk submission")
	}
	if o.dryRun && o.progress {
		fmt.Fprintf(a.out, "bulksubmit: submitting a total of %d jobs\n", total)
	}
	if o.dryRun || o.verbose > 0 {
		for _, line := range shown {
			fmt.Fprintf(a.out, "bulksubmit: submit %s\n", line)
		}
	}
	if o.dryRun {
		return nil
	}
	b := &bulk{app: a, sub: &o.submission, total: total}
	return b.run(func(send func(*job) error) error {
		for i := range jobs {
			own := o.submission
			own.Submission = *jobs[i]
			if err := a.newCopies(&own, lists[i]).each(send); err != nil {
				return err
			}
		}
		return nil
	})
}

// bulkJobs makes the submission of every combination of inputs, and its command
// line.
func (a *app) bulkJobs(o *bulkOptions) (jobs []*jobargs.Submission, shown []string, err error) {
	sep := o.sep
	if s, err := strconv.Unquote(`"` + strings.ReplaceAll(sep, `"`, `\"`) + `"`); err == nil {
		sep = s
	}
	in, err := jobargs.ParseInputs(o.Command, func(name string) ([]string, error) {
		data, err := a.readInputs(name)
		return jobargs.SplitInputs(string(data), sep), err
	})
	if err != nil {
		return nil, nil, err
	}
	if o.Command = in.Command; len(o.Command) == 0 {
		o.Command = []string{"{}"}
	}
	all, err := in.Combinations()
	if err != nil {
		return nil, nil, err
	}
	method, err := inputMethods(a.ctx, o.define, all)
	if err != nil {
		return nil, nil, err
	}
	cc := ""
	if o.CC != "" || o.BCC != "" {
		cc = "{cc}" // filled in for each copy
	}
	for i, inputs := range all {
		f, text, err := o.Fill(&jobargs.Inputs{
			Positional: inputs,
			Named:      map[string]string{"seq": strconv.Itoa(i), "seq1": strconv.Itoa(i + 1), "cc": cc},
			Method:     method,
		})
		if err != nil {
			return nil, nil, err
		}
		jobs, shown = append(jobs, f), append(shown, text)
	}
	return jobs, shown, nil
}

func (a *app) readInputs(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(a.in)
	}
	return os.ReadFile(name)
}
