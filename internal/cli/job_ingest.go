// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"goflux/flux"
	"goflux/hostlist"
	"goflux/internal/cli/jobinfo"
	"goflux/internal/core/ingest"
	"goflux/internal/core/policy"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/jobspec"
)

// ingestOptions are those of flux job-validator and flux job-frobnicator.
type ingestOptions struct {
	jobspecOnly, list bool
	plugins           []string
	// Of plugins of the validator.
	version            string
	minNodes, minCores int
}

// maxRequestLine bounds a job request on standard input; files come along in
// it.
const maxRequestLine = 64 << 20

// newJobValidator is flux job-validator: job requests judged as job-ingest
// judges them.
func newJobValidator(a *app) *cobra.Command {
	var o ingestOptions
	cmd := a.ingestCommand(&o, "job-validator", "judge job requests, as job-ingest does", ingest.Checkers(), (*ingestRun).validate)
	fs := cmd.Flags()
	cmd.Long = "Options provided by plugins begin with their plugin's name."
	fs.StringVar(&o.version, "require-version", "1", "jobspec: accept version `V`, or any")
	fs.IntVar(&o.minNodes, "require-instance-minnodes", 0, "require-instance: of jobs with `N` nodes and more")
	fs.IntVar(&o.minCores, "require-instance-mincores", 0, "require-instance: of jobs with `N` cores and more")
	return cmd
}

// newJobFrobnicator is flux job-frobnicator: job requests filled in as
// job-ingest fills them in.
func newJobFrobnicator(a *app) *cobra.Command {
	var o ingestOptions
	return a.ingestCommand(&o, "job-frobnicator", "fill in job requests, as job-ingest does", ingest.Fillers(), (*ingestRun).frobnicate)
}

func (a *app) ingestCommand(o *ingestOptions, name, short string, plugins []string, f func(*ingestRun, *ingestRequest) ingestAnswer) *cobra.Command {
	cmd := &cobra.Command{
		Use: name, Short: short, Args: a.operands(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.list {
				return a.listPlugins(plugins)
			}
			r, err := a.newIngestRun(name, o, cmd.Flags())
			if err != nil {
				return err
			}
			return r.each(f)
		},
	}
	fs := cmd.Flags()
	fs.StringSliceVar(&o.plugins, "plugins", nil, "Use the plugins in `LIST`")
	hidden(fs, "plugin", fs.Lookup("plugins").Value)
	fs.BoolVar(&o.list, "list-plugins", false, "Print the names of the plugins")
	fs.BoolVar(&o.jobspecOnly, "jobspec-only", false, "Read one jobspec, not requests")
	return cmd
}

// listPlugins tells which plugins there are.
func (a *app) listPlugins(names []string) error {
	fmt.Fprintln(a.out, "Available plugins:")
	for _, name := range names {
		fmt.Fprintf(a.out, "%-21s %s\n", name, ingest.About(name))
	}
	return nil
}

// ingestRun is the pipeline of the enclosing instance, used by hand.
type ingestRun struct {
	*app
	h        *flux.Client
	o        *ingestOptions
	pipeline *ingest.Pipeline
	policy   *policy.Policy
}

func (a *app) newIngestRun(name string, o *ingestOptions, fs *pflag.FlagSet) (*ingestRun, error) {
	h, err := a.open()
	if err != nil {
		return nil, err
	}
	conf := map[string]any{}
	if err := h.RPC(a.ctx, "config.get", flux.NodeAny, nil, &conf); err != nil {
		return nil, fail("cannot read the instance's configuration: %v", err)
	}
	r := &ingestRun{app: a, h: h, o: o}
	if r.policy, err = policy.Parse(conf); err != nil {
		return nil, fail("%v", err)
	}
	args := ingest.Args{}
	if name == "job-validator" {
		args = ingest.ValidatorArgs(o.plugins, o.validatorArgs(fs))
	} else if o.plugins != nil {
		args = ingest.FrobnicatorArgs(o.plugins)
	}
	if r.pipeline, err = ingest.New(conf, policy.Fills(conf), args); err != nil {
		return nil, fail("%s", errorText(err))
	}
	return r, nil
}

// validatorArgs are the arguments of plugins that were given.
func (o *ingestOptions) validatorArgs(fs *pflag.FlagSet) []string {
	var args []string
	fs.Visit(func(f *pflag.Flag) {
		if strings.HasPrefix(f.Name, "require-") {
			args = append(args, "--"+f.Name+"="+f.Value.String())
		}
	})
	return args
}

// ingestRequest is a job request, a line of standard input.
type ingestRequest struct {
	Jobspec jsontext.Value `json:"jobspec"`
	UserID  *uint32        `json:"userid"`
	Urgency *int           `json:"urgency"`
	Flags   *int           `json:"flags"`
}

// ingestAnswer is what is printed about a request.
type ingestAnswer struct {
	Errnum int            `json:"errnum"`
	Errstr string         `json:"errstr,omitzero"`
	Data   jsontext.Value `json:"data,omitzero"`
}

func refused(err error) ingestAnswer {
	return ingestAnswer{Errnum: int(message.Errno(err)), Errstr: errorText(err)}
}

// each answers every request.
func (r *ingestRun) each(f func(*ingestRun, *ingestRequest) ingestAnswer) error {
	if r.o.jobspecOnly {
		spec, err := io.ReadAll(io.LimitReader(r.in, maxRequestLine))
		if err != nil {
			return fail("%v", err)
		}
		answer := f(r, &ingestRequest{Jobspec: spec})
		if err := r.print(answer); err != nil {
			return err
		}
		// Whoever wants a jobspec filled in reads it, or why not.
		if answer.Errnum != 0 && r.name == "job-validator" {
			return exitStatus(1)
		}
		return nil
	}
	lines := bufio.NewScanner(r.in)
	lines.Buffer(nil, maxRequestLine)
	for lines.Scan() {
		req := &ingestRequest{}
		if err := message.Unmarshal(lines.Bytes(), req); err != nil {
			return fail("not a job request: %v", err)
		}
		if req.Jobspec == nil || req.UserID == nil || req.Urgency == nil || req.Flags == nil {
			return fail("Missing keys in input: a job request has jobspec, userid, urgency and flags. Did you mean to use --jobspec-only?")
		}
		if err := r.print(f(r, req)); err != nil {
			return err
		}
		r.flush() // whoever writes requests waits for their answers
	}
	return lines.Err()
}

func (r *ingestRun) print(answer ingestAnswer) error {
	text, err := message.Marshal(answer)
	if err == nil {
		fmt.Fprintln(r.out, jobinfo.Spaced(text))
	}
	return err
}

func (r *ingestRun) frobnicate(req *ingestRequest) ingestAnswer {
	spec, err := jobspec.Parse(req.Jobspec)
	if err != nil {
		return refused(message.Errorf(syscall.EINVAL, "%v", err))
	}
	if err := r.pipeline.Frobnicate(spec, r.policy); err != nil {
		return refused(err)
	}
	data, err := message.Marshal(spec)
	if err != nil {
		return refused(err)
	}
	return ingestAnswer{Data: data}
}

func (r *ingestRun) validate(req *ingestRequest) ingestAnswer {
	spec, err := jobspec.Parse(req.Jobspec)
	if err != nil {
		return refused(message.Errorf(syscall.EINVAL, "%v", err))
	}
	if err := r.pipeline.Validate(spec, r.hosts); err != nil {
		return refused(err)
	}
	if r.pipeline.AsksFeasibility() {
		err := r.h.RPC(r.ctx, "feasibility.check", flux.NodeAny, rpc.FeasibilityCheck{Jobspec: spec}, nil)
		// Without a scheduler that can tell, any job could run.
		if err != nil && !errors.Is(err, syscall.ENOSYS) {
			return refused(err)
		}
	}
	return ingestAnswer{}
}

// hosts are the instance's hosts, nil when they are not known.
func (r *ingestRun) hosts() *hostlist.List {
	text, err := r.h.Attr(r.ctx, "hostlist")
	if err != nil {
		return nil
	}
	list, err := hostlist.Parse(text)
	if err != nil {
		return nil
	}
	return list
}
