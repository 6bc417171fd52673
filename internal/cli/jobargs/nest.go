// SPDX-License-Identifier: LGPL-3.0-or-later

package jobargs

import (
	"fmt"
	"strings"

	"goflux/jobspec"
)

// NestArgs are the options of flux batch and alloc: those of a job that is an
// instance. Of Args they use what describes one job; tasks are slots.
type NestArgs struct {
	Args
	Slots, Cores, GPUs, Nodes int64
	BrokerOptions             []string // each a list separated by commas
	Dump                      string
	Conf                      Conf
	ConfValues                []string
}

// defaultOutput is where a batch job's output goes.
const defaultOutput = "flux-{{id}}.out"

// layout are the resources: without slots, whole nodes.
func (n *NestArgs) layout(sys *System) (jobspec.Layout, error) {
	l := jobspec.Layout{
		Tasks: n.Slots, Nodes: n.Nodes, Exclusive: n.Exclusive,
		CoresPerTask: n.Cores, GPUsPerTask: n.GPUs,
	}
	var err error
	if l.Resources, err = n.resources(sys); err != nil || l.Resources != nil {
		return l, err
	}
	if n.Slots == 0 {
		if n.Nodes == 0 {
			return l, fmt.Errorf("Number of slots to allocate must be specified")
		}
		l.Tasks, l.Exclusive = n.Nodes, true
	}
	return l, nil
}

// nest is how the brokers are started.
func (n *NestArgs) nest(sys *System) (nest jobspec.Nest, err error) {
	for _, value := range n.ConfValues {
		if err := n.Conf.Add(value, sys); err != nil {
			return nest, err
		}
	}
	n.ConfValues = nil
	if nest.Config, err = n.Conf.JSON(); err != nil {
		return nest, err
	}
	for _, list := range n.BrokerOptions {
		nest.BrokerOptions = append(nest.BrokerOptions, strings.Split(list, ",")...)
	}
	if n.Dump != "" {
		nest.BrokerOptions = append(nest.BrokerOptions, "-Scontent.dump="+n.Dump)
	}
	return nest, nil
}

// BatchJobspec makes the jobspec of flux batch, for a script. Without a name
// the job is called by the command's first word, or "batch".
func (n *NestArgs) BatchJobspec(script string, sys *System) (*jobspec.Jobspec, error) {
	if n.JobName == "" {
		n.JobName = "batch"
		if len(n.Command) > 0 {
			n.JobName = n.Command[0]
		}
	}
	if n.Output == "" {
		n.Output = defaultOutput
	}
	return n.build(sys, func(l jobspec.Layout, nest jobspec.Nest, o jobspec.Options) (*jobspec.Jobspec, error) {
		o.Input = n.Input
		return jobspec.FromBatch(script, n.Command[min(1, len(n.Command)):], l, nest, o)
	})
}

// AllocJobspec makes the jobspec of flux alloc. The options about standard
// input and output are not for it.
func (n *NestArgs) AllocJobspec(sys *System) (*jobspec.Jobspec, error) {
	n.Input, n.Output, n.Error, n.LabelIO = "", "", "", false
	return n.build(sys, func(l jobspec.Layout, nest jobspec.Nest, o jobspec.Options) (*jobspec.Jobspec, error) {
		return jobspec.FromNest(n.Command, l, nest, o)
	})
}

type builder func(jobspec.Layout, jobspec.Nest, jobspec.Options) (*jobspec.Jobspec, error)

func (n *NestArgs) build(sys *System, build builder) (*jobspec.Jobspec, error) {
	l, err := n.layout(sys)
	if err != nil {
		return nil, err
	}
	nest, err := n.nest(sys)
	if err != nil {
		return nil, err
	}
	o, err := n.options(sys)
	if err != nil {
		return nil, err
	}
	expand, err := n.inherit(sys, &o)
	if err != nil {
		return nil, err
	}
	j, err := build(l, nest, o)
	if err != nil {
		return nil, err
	}
	return j, n.adjust(sys, j, expand)
}
