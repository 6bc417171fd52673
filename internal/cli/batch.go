// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"goflux/internal/cli/directives"
	"goflux/internal/cli/jobargs"
	"goflux/jobspec"
)

// nestSubmission is what flux batch and alloc are told.
type nestSubmission struct {
	submission
	nest jobargs.NestArgs
	wrap bool // flux batch
	bg   bool // flux alloc
}

// defaultDump is where --dump puts the archive when it does not say.
const defaultDump = "flux-{{jobid}}-dump.tgz"

// nestFlags adds the options of flux batch and alloc.
func (s *nestSubmission) nestFlags(fs *pflag.FlagSet) {
	s.commonFlags(fs)
	n := &s.nest
	fs.StringArrayVar(&n.ConfValues, "conf", nil, "Configure the instance: `FILE|KEY=VAL|STRING|NAME` (repeatable)")
	fs.StringArrayVar(&n.BrokerOptions, "broker-opts", nil, "Pass `OPTS` to the brokers (repeatable)")
	hidden(fs, "broker-opt", fs.Lookup("broker-opts").Value)
	fs.StringVar(&n.Dump, "dump", "", "Archive the KVS at the end, in `FILE`")
	fs.Lookup("dump").NoOptDefVal = defaultDump
	fs.Int64VarP(&n.Slots, "nslots", "n", 0, "Allocate `N` slots")
	fs.Int64VarP(&n.Cores, "cores-per-slot", "c", 1, "Allocate `N` cores for each slot")
	fs.Int64VarP(&n.GPUs, "gpus-per-slot", "g", 0, "Allocate `N` GPUs for each slot")
	fs.Int64VarP(&n.Nodes, "nodes", "N", 0, "Distribute the slots over `N` nodes")
	fs.BoolVarP(&s.Exclusive, "exclusive", "x", false, "With --nodes, allocate them as a whole")
}

// args are the arguments for the jobspec.
func (s *nestSubmission) args(command []string) *jobargs.NestArgs {
	s.nest.Args = s.Args
	s.nest.Command = command
	return &s.nest
}

// newBatch is flux batch.
func newBatch(a *app) *cobra.Command {
	s := &nestSubmission{}
	cmd := &cobra.Command{
		Use:   "batch [SCRIPT] [ARGS...]",
		Short: "submit a script that runs in an instance of its own",
		Args:  cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			script, own, err := a.batchScript(s, args)
			if err != nil {
				return err
			}
			return a.batch(own, script, args)
		},
	}
	s.batchFlags(cmd.Flags())
	ownArgs(cmd)
	return cmd
}

func (s *nestSubmission) batchFlags(fs *pflag.FlagSet) {
	s.nestFlags(fs)
	fs.BoolVar(&s.wrap, "wrap", false, "Make a script of the arguments, or of standard input")
}

func (a *app) batch(s *nestSubmission, script string, args []string) error {
	if s.problem != nil {
		return badSubmission(s.problem)
	}
	if s.wrap {
		script = "#!/bin/sh\n" + script
	}
	j, err := s.args(args).BatchJobspec(script, a.jobSystem())
	if err != nil {
		return badSubmission(err)
	}
	return a.submitNest(s, j, func(text string) {
		if !s.quiet {
			fmt.Fprintln(a.out, text)
		}
	})
}

// submitNest submits an instance, or shows its jobspec, and calls f with its id.
func (a *app) submitNest(s *nestSubmission, j *jobspec.Jobspec, f func(id string)) error {
	if s.dryRun {
		fmt.Fprintln(a.out, j)
		return nil
	}
	h, err := a.open()
	if err != nil {
		return err
	}
	id, err := a.submitJob(h, &s.submission, j)
	if err != nil {
		return err
	}
	f(f58(id))
	return nil
}

// batchScript reads the script, and the options in its directives: those on the
// command line come after them.
func (a *app) batchScript(s *nestSubmission, args []string) (string, *nestSubmission, error) {
	if s.wrap && len(args) > 0 {
		return strings.Join(args, " ") + "\n", s, nil
	}
	name, in := "stdin", a.in
	if len(args) > 0 {
		name = args[0]
		f, err := os.Open(name)
		if err != nil {
			return "", nil, fail("%s", fileText(err))
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(in)
	if err != nil {
		return "", nil, fail("%s: %v", name, err)
	}
	if !utf8.Valid(data) {
		return "", nil, fail("%s does not appear to be a script, or failed to encode as utf-8", name)
	}
	found, err := directives.Parse(string(data))
	if err != nil {
		return "", nil, fail("%s: %v", name, err)
	}
	own, err := a.applyDirectives(s, name, found)
	return string(data), own, err
}

// badDirective is the exit status for a directive whose options are wrong.
const badDirective = 2

// applyDirectives reads options anew, the directives' first.
func (a *app) applyDirectives(s *nestSubmission, name string, found []directives.Directive) (*nestSubmission, error) {
	if len(found) == 0 {
		return s, nil
	}
	own := &nestSubmission{}
	fs := pflag.NewFlagSet("flux-batch", pflag.ContinueOnError)
	fs.SetInterspersed(false)
	fs.Usage = func() {}
	own.batchFlags(fs)
	for _, d := range found {
		if err := fs.Parse(d.Args); err != nil {
			a.problem(fmt.Sprintf("flux-batch: error: %s", flagErrorText(err, pyStyle)))
			return nil, failStatus(badDirective, "argument parsing failed at %s line %d", name, d.Line)
		}
	}
	if err := fs.Parse(a.args); err != nil {
		return nil, usageError("%v", err)
	}
	return own, nil
}
