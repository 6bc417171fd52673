// SPDX-License-Identifier: LGPL-3.0-or-later

package jobargs

import (
	"fmt"
	"io/fs"
	"math"
	"strconv"

	"goflux/fsd"
	"goflux/idset"
	"goflux/jobspec"
)

// Args are the options of flux run, submit and bulksubmit that the jobspec is
// made of. "" and nil are options that were not given.
type Args struct {
	Command []string

	Queue, Bank, TimeLimit, JobName, CWD    string
	Input, Output, Error                    string
	Nodes, Tasks, CoresPerTask, GPUsPerTask string
	Cores, TasksPerNode, TasksPerCore       string
	GPUsPerNode                             string
	Signal, TaskMap                         string
	ResourcesShape, ResourcesJSON           string // a shape (RFC 46); a file

	// Env holds the rules of --env, and those of --env-remove and --env-file
	// with "-" and "^" in front, in the order they were given.
	Env        []string
	RLimit     []string
	Dependency []string
	Requires   []string
	SetOpt     []string
	SetAttr    []string
	AddFile    []string

	Exclusive, LabelIO, Unbuffered bool
}

// System is what of the submitting process goes into a jobspec.
type System struct {
	Environ map[string]string
	// Limit returns the soft limit on a resource by its name in setrlimit(2),
	// without RLIMIT_ and in lower case; -1 is none.
	Limit    func(name string) (int64, bool)
	Getwd    func() (string, error)
	ReadFile func(name string) ([]byte, error)
	Stat     func(name string) (fs.FileInfo, error)
	// Warn takes a line for the user.
	Warn func(line string)
}

// Jobspec makes the jobspec.
func (a *Args) Jobspec(sys *System) (*jobspec.Jobspec, error) {
	if len(a.Command) == 0 {
		return nil, fmt.Errorf("job command and arguments are missing")
	}
	layout, err := a.layout()
	if err != nil {
		return nil, err
	}
	if layout.Resources, err = a.resources(sys); err != nil {
		return nil, err
	}
	o, err := a.options(sys)
	if err != nil {
		return nil, err
	}
	if a.Input != "" && !IsRanks(a.Input) {
		o.Input = a.Input
	}
	expand, err := a.inherit(sys, &o)
	if err != nil {
		return nil, err
	}
	j, err := jobspec.FromCommand(a.Command, layout, o)
	if err != nil {
		return nil, err
	}
	return j, a.adjust(sys, j, expand)
}

// resources are those that are given as a whole, nil if none are.
func (a *Args) resources(sys *System) ([]jobspec.Resource, error) {
	switch {
	case a.ResourcesShape != "" && a.ResourcesJSON != "":
		return nil, fmt.Errorf("--resources-shape and --resources-json exclude each other: give one of them")
	case a.ResourcesShape != "":
		list, err := jobspec.ParseShape(a.ResourcesShape)
		if err != nil {
			err = fmt.Errorf("--resources-shape: %w", err)
		}
		return list, err
	case a.ResourcesJSON != "":
		text, err := sys.ReadFile(a.ResourcesJSON)
		if err != nil {
			return nil, fmt.Errorf("--resources-json: %w", err)
		}
		list, err := jobspec.ParseResources(text)
		if err != nil {
			err = fmt.Errorf("%w in --resources-json=%s", err, a.ResourcesJSON)
		}
		return list, err
	}
	return nil, nil
}

// IsRanks tells whether the value of --input names task ranks and not a file.
func IsRanks(input string) bool {
	_, err := idset.Parse(input)
	return err == nil
}

// inherit adds environment and limits to o; it returns the variables that are
// left for the shell to fill in.
func (a *Args) inherit(sys *System, o *jobspec.Options) (expand map[string]string, err error) {
	env := environment{vars: clone(sys.Environ), expand: map[string]string{}, sys: sys}
	if err := env.apply(a.Env, 0); err != nil {
		return nil, err
	}
	o.Environment = env.vars
	o.RLimit, err = limits(a.RLimit, sys.Limit)
	return env.expand, err
}

// options are those that all submission commands set in the same way.
func (a *Args) options(sys *System) (jobspec.Options, error) {
	o := jobspec.Options{
		CWD: a.CWD, Name: a.JobName, Output: a.Output, Error: a.Error,
		LabelIO: a.LabelIO, Unbuffered: a.Unbuffered, Queue: a.Queue, Bank: a.Bank,
	}
	if o.CWD == "" {
		dir, err := sys.Getwd()
		if err != nil {
			return o, err
		}
		o.CWD = dir
	}
	if a.TimeLimit != "" {
		seconds, err := ParseTimeLimit(a.TimeLimit)
		if err != nil {
			return o, err
		}
		o.Duration = &seconds
	}
	return o, nil
}

// ParseTimeLimit reads the value of --time-limit, minutes or a duration with
// its unit (RFC 23), and returns seconds; 0 is no limit.
func ParseTimeLimit(s string) (float64, error) {
	if minutes, err := strconv.ParseFloat(s, 64); err == nil {
		s = strconv.FormatFloat(minutes*60, 'g', -1, 64)
	}
	return parseDuration(s)
}

func parseDuration(s string) (float64, error) {
	seconds, err := fsd.ParseSeconds(s)
	if err != nil {
		return 0, fmt.Errorf("invalid Flux standard duration")
	}
	if math.IsInf(seconds, 0) {
		return 0, nil
	}
	return seconds, nil
}

// number is a count on the command line: its option, its text and where it goes.
type number struct {
	option, text string
	to           *int64
}

// layout reads the counts and refuses what only the command line can tell: an
// explicit zero, and per-task beside per-resource options.
func (a *Args) layout() (jobspec.Layout, error) {
	l := jobspec.Layout{Exclusive: a.Exclusive}
	for _, n := range []number{
		{"ntasks", a.Tasks, &l.Tasks},
		{"nodes", a.Nodes, &l.Nodes},
		{"cores", a.Cores, &l.Cores},
		{"cores-per-task", a.CoresPerTask, &l.CoresPerTask},
		{"gpus-per-task", a.GPUsPerTask, &l.GPUsPerTask},
		{"tasks-per-node", a.TasksPerNode, &l.TasksPerNode},
		{"tasks-per-core", a.TasksPerCore, &l.TasksPerCore},
		{"gpus-per-node", a.GPUsPerNode, &l.GPUsPerNode},
	} {
		if n.text == "" {
			continue
		}
		var err error
		if *n.to, err = strconv.ParseInt(n.text, 10, 64); err != nil {
			return l, fmt.Errorf("--%s: invalid int value '%s'", n.option, n.text)
		}
	}
	perResource := a.Cores != "" || a.TasksPerNode != "" || a.TasksPerCore != "" || a.GPUsPerNode != ""
	switch {
	case a.TasksPerNode != "" && a.TasksPerCore != "":
		return l, fmt.Errorf("Do not specify both the number of tasks per node and per core")
	case a.TasksPerNode != "" && l.TasksPerNode < 1:
		return l, fmt.Errorf("--tasks-per-node must be >= 1")
	case a.TasksPerCore != "" && l.TasksPerCore < 1:
		return l, fmt.Errorf("--tasks-per-core must be >= 1")
	case l.GPUsPerNode != 0 && l.Nodes == 0:
		return l, fmt.Errorf("--gpus-per-node requires --nodes")
	case perResource && (a.Tasks != "" || a.CoresPerTask != "" || l.GPUsPerTask != 0):
		return l, fmt.Errorf("Per-resource options can't be used with per-task options. (See --help for details)")
	case a.Cores != "" && l.Cores < 1:
		return l, fmt.Errorf("ncores must be an integer >= 1")
	case a.GPUsPerNode != "" && l.GPUsPerNode == 0 && l.Cores == 0 && l.TasksPerNode == 0 && l.TasksPerCore == 0:
		// No GPUs is still counting by resource: one task on each whole node.
		l.TasksPerNode = 1
	}
	return l, nil
}
