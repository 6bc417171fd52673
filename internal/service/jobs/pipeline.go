// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"fmt"
	"path"
	"strings"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/constraint"
	"goflux/hostlist"
	"goflux/internal/core/policy"
	"goflux/internal/message"
	"goflux/internal/service"
	"goflux/jobspec"
)

// pipeline is what a job request goes through before it is taken in
// (flux-config-ingest(5)): frobnicator plugins fill it in, validator plugins
// judge it. All plugins are built in.
type pipeline struct {
	fill, check stage
	// version is the only jobspec version accepted, 0 any.
	version int
	// minNodes and minCores: jobs of at least so many must be Flux instances,
	// under the plugin require-instance.
	minNodes, minCores int64
	// maxRequest bounds a job request, in bytes.
	maxRequest int
	bufferSize string // as configured
	args       []string
}

// stage is one of the two parts of a pipeline.
type stage struct {
	plugins  []string
	explicit bool // not the default ones
	off      bool
}

var (
	fillers  = []string{"defaults", "constraints"}
	checkers = []string{"jobspec", "feasibility", "require-instance"}
)

// defaultBuffer is buffer-size when it is not configured: a job request that
// brings files along has some megabytes.
const defaultBuffer = "10M"

// coresPerNode is what require-instance takes for the size of a node when it
// is only told a number of nodes.
const coresPerNode = 16

// report logs what is in force, as administrators look for it.
func (p *pipeline) report(h service.Host) {
	list := func(l []string) string {
		if len(l) == 0 {
			return "(null)"
		}
		return strings.Join(l, ",")
	}
	plugins, state := "(null)", "enabled"
	if p.check.explicit {
		plugins = list(p.check.plugins)
	}
	if p.check.off {
		state = "disabled"
	}
	h.Log().Debug(fmt.Sprintf("configuring validator with plugins=%s, args=%s (%s)", plugins, list(p.args), state))
	h.Log().Debug(fmt.Sprintf("worker input buffer set to %s", p.bufferSize))
}

// frobnicate fills a request in.
func (p *pipeline) frobnicate(spec *jobspec.Jobspec, pol *policy.Policy) error {
	for _, name := range p.fill.plugins {
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

// validate judges a request by what need not ask anybody: not its feasibility.
func (p *pipeline) validate(spec *jobspec.Jobspec, hosts func() *hostlist.List) error {
	for _, name := range p.check.plugins {
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

func (p *pipeline) validJobspec(spec *jobspec.Jobspec, hosts func() *hostlist.List) error {
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
func (p *pipeline) isInstance(spec *jobspec.Jobspec) error {
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
