// SPDX-License-Identifier: LGPL-3.0-or-later

package ingest

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/constraint"
	"goflux/hostlist"
	"goflux/internal/message"
	"goflux/jobspec"
)

// Pipeline is the two stages of job requests. All plugins are built in.
type Pipeline struct {
	Fill, Check Stage
	// MaxRequest bounds a job request, in bytes.
	MaxRequest int
	BufferSize string // as configured
	// version is the only jobspec version accepted, 0 any.
	version int
	// minNodes and minCores: jobs of at least so many must be Flux instances,
	// under the plugin require-instance.
	minNodes, minCores int64
	args               []string
}

// Stage is one of the two parts of a pipeline.
type Stage struct {
	Plugins  []string
	Off      bool
	explicit bool // not the default ones
}

// Fillers are the plugins of the first stage, in the order of the default.
func Fillers() []string { return []string{"defaults", "constraints"} }

// Checkers are the plugins of the second stage; the first one is the default.
func Checkers() []string { return []string{"jobspec", PluginFeasibility, "require-instance"} }

// About tells what a plugin does.
func About(plugin string) string {
	return map[string]string{
		"defaults":         "Fill in the defaults of the policy and of the queue",
		"constraints":      "Add what the queue's nodes have to the constraints",
		"jobspec":          "Refuse what is no valid jobspec, and hosts that are not there",
		PluginFeasibility:  "Refuse what the scheduler could never run",
		"require-instance": "Refuse large jobs that are no Flux instances",
	}[plugin]
}

// PluginFeasibility asks the scheduler, which is up to the pipeline's user.
const PluginFeasibility = "feasibility"

// defaultBuffer is buffer-size when it is not configured: a job request that
// brings files along has some megabytes.
const defaultBuffer = "10M"

// coresPerNode is what require-instance takes for the size of a node when it
// is only told a number of nodes.
const coresPerNode = 16

// Report tells what is in force, a line each, as administrators look for it.
func (p *Pipeline) Report() []string {
	list := func(l []string) string {
		if len(l) == 0 {
			return "(null)"
		}
		return strings.Join(l, ",")
	}
	plugins, state := "(null)", "enabled"
	if p.Check.explicit {
		plugins = list(p.Check.Plugins)
	}
	if p.Check.Off {
		state = "disabled"
	}
	return []string{
		fmt.Sprintf("configuring validator with plugins=%s, args=%s (%s)", plugins, list(p.args), state),
		fmt.Sprintf("worker input buffer set to %s", p.BufferSize),
	}
}

// Policy is what requests are filled in with.
type Policy interface {
	Defaults(*jobspec.Jobspec) error
	Constrain(*jobspec.Jobspec) error
}

// Frobnicate fills a request in.
func (p *Pipeline) Frobnicate(spec *jobspec.Jobspec, pol Policy) error {
	for _, name := range p.Fill.Plugins {
		var err error
		switch name {
		case "defaults":
			err = pol.Defaults(spec)
		case "constraints":
			err = pol.Constrain(spec)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// AsksFeasibility reports whether the scheduler is to be asked, too.
func (p *Pipeline) AsksFeasibility() bool { return slices.Contains(p.Check.Plugins, PluginFeasibility) }

// Validate judges a request by what need not ask anybody: not its feasibility.
// hosts returns the instance's hosts, nil when those are not known.
func (p *Pipeline) Validate(spec *jobspec.Jobspec, hosts func() *hostlist.List) error {
	for _, name := range p.Check.Plugins {
		var err error
		switch name {
		case "jobspec":
			err = p.validJobspec(spec, hosts)
		case "require-instance":
			err = p.isInstance(spec)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *Pipeline) validJobspec(spec *jobspec.Jobspec, hosts func() *hostlist.List) error {
	rules := jobspec.V1
	if p.version == 0 {
		rules = jobspec.Canonical
	}
	if err := spec.Validate(rules); err != nil {
		return message.Errorf(syscall.EINVAL, "%v", err)
	}
	if err := checkHosts(spec.Constraints(), hosts); err != nil {
		return message.Errorf(syscall.EINVAL, "invalid jobspec: %v", err)
	}
	return nil
}

// checkHosts refuses a constraint that names hosts which are not the
// instance's; hosts returns nil when those are not known.
func checkHosts(raw jsontext.Value, hosts func() *hostlist.List) error {
	if raw == nil {
		return nil
	}
	pass := func(string, jsontext.Value) (constraint.Leaf[struct{}], error) {
		return func(struct{}) bool { return true }, nil
	}
	_, err := constraint.ParseWith(raw, constraint.Operators[struct{}]{
		"properties": pass, "ranks": pass,
		"hostlist": func(_ string, values jsontext.Value) (constraint.Leaf[struct{}], error) {
			var lists []string
			if err := message.Unmarshal(values, &lists); err != nil {
				return nil, err
			}
			for _, l := range lists {
				h, err := hostlist.Parse(l)
				if err != nil {
					return nil, err
				}
				if err := allAmong(h, hosts()); err != nil {
					return nil, err
				}
			}
			return pass("", nil)
		},
	})
	return err
}

func allAmong(wanted, known *hostlist.List) error {
	if known == nil {
		return nil
	}
	for host := range wanted.All() {
		if !known.Contains(host) {
			return fmt.Errorf("host constraint contains invalid hosts: host '%s' not found", host)
		}
	}
	return nil
}

// isInstance refuses a large job that is not a Flux instance.
func (p *Pipeline) isInstance(spec *jobspec.Jobspec) error {
	c, err := spec.Counts()
	if err != nil {
		return message.Errorf(syscall.EINVAL, "%v", err)
	}
	small := c.TotalCores() < p.minCores && (c.Nodes.IsZero() || c.Nodes.Min() < p.minNodes)
	cmd := spec.Command()
	flux := len(cmd) > 1 && path.Base(cmd[0]) == "flux" && (cmd[1] == "broker" || cmd[1] == "start")
	if small || flux || spec.Attr("system.batch") != nil {
		return nil
	}
	of := " for all jobs in this instance"
	if p.minNodes > 0 || p.minCores > 0 {
		var sizes []string
		if p.minNodes > 0 {
			sizes = append(sizes, fmt.Sprintf("%d nodes", p.minNodes))
		}
		if p.minCores > 0 {
			sizes = append(sizes, fmt.Sprintf("%d cores", p.minCores))
		}
		of = " for jobs >= " + strings.Join(sizes, " or ")
	}
	return message.Errorf(syscall.EINVAL, "Direct job submission disabled%s. Please use flux-batch(1) or flux-alloc(1)", of)
}
