// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"time"

	"github.com/spf13/pflag"

	"goflux/internal/cli/datetime"
	"goflux/internal/cli/jobargs"
	"goflux/jobspec"
)

// submission is what the submission commands are told.
type submission struct {
	jobargs.Submission
	dryRun, quiet bool
	verbose       int
	waitEvent     string // of flux run
	debug         bool   // of flux run: tasks stop for a debugger, which lets them go on
	// problem is what is wrong with a value that only looks like a matter of
	// usage.
	problem error

	// flux submit and bulksubmit
	wait, watch, progress, jps bool
}

// commonFlags adds the options that all submission commands have.
func (s *submission) commonFlags(fs *pflag.FlagSet) {
	fs.StringVarP(&s.Bank, "bank", "B", "", "Charge the job to bank `NAME`")
	fs.StringVarP(&s.Queue, "queue", "q", "", "Submit to queue `NAME`")
	fs.StringVarP(&s.TimeLimit, "time-limit", "t", "", "Limit the job to `MIN|FSD`: minutes, or a duration such as 30s, 2d, 1.5h")
	fs.StringVar(&s.Urgency, "urgency", "16", "Set the job's urgency to `N`: 0 to 31, hold, default or expedite")
	fs.StringVar(&s.JobName, "job-name", "", "Call the job `NAME`")
	fs.StringArrayVarP(&s.SetOpt, "setopt", "o", nil, "Set shell option `OPT[=VAL]` (default 1; repeatable)")
	fs.StringArrayVarP(&s.SetAttr, "setattr", "S", nil, "Set job attribute `ATTR[=VAL]` (default 1); ^ATTR=FILE takes\nthe value from a file (repeatable)")
	fs.StringArrayVar(&s.AddFile, "add-file", nil, "Send along file or text `[NAME[:PERMS]=]ARG`, as {{tmpdir}}/NAME\n(repeatable)")
	fs.Var(&prefixed{list: &s.Dependency}, "dependency", "Start only after dependency `URI` (repeatable)")
	fs.StringArrayVar(&s.Requires, "requires", nil, "Run only where `CONSTRAINT` holds (repeatable)")
	hidden(fs, "require", fs.Lookup("requires").Value)
	fs.Var(&prefixed{list: &s.Dependency, convert: s.beginTime}, "begin-time", "Start only after `+FSD|TIME`")
	fs.Var(&prefixed{list: &s.Env}, "env", "Apply `RULE` to the job's environment (repeatable)")
	fs.Var(&prefixed{list: &s.Env, prefix: "-"}, "env-remove", "Keep variables that match `PATTERN` away from the job (repeatable)")
	fs.Var(&prefixed{list: &s.Env, prefix: "^"}, "env-file", "Apply the environment rules in `FILE` (repeatable)")
	fs.StringArrayVar(&s.RLimit, "rlimit", nil, "Apply `RULE` to the resource limits the job inherits (repeatable)")
	fs.StringVar(&s.Input, "input", "", "Read standard input from `FILENAME`")
	fs.StringVar(&s.Output, "output", "", "Write standard output to `FILENAME`")
	fs.StringVar(&s.Error, "error", "", "Write standard error to `FILENAME`")
	fs.BoolVarP(&s.Unbuffered, "unbuffered", "u", false, "Do not buffer standard input and output")
	fs.BoolVarP(&s.LabelIO, "label-io", "l", false, "Begin lines of output with their task's rank")
	fs.StringVar(&s.CWD, "cwd", "", "Run the job in `DIRECTORY`")
	fs.StringArrayVar(&s.Flags, "flags", nil, "Set submission `FLAGS`: debug, waitable, novalidate")
	fs.StringVar(&s.Signal, "signal", "", "Send `[SIG][@TIME]`: a signal (default SIGUSR1) some time (default 60s)\nbefore the time limit")
	fs.StringVar(&s.ResourcesShape, "resources-shape", "", "Allocate resources of `SHAPE` (RFC 46), in place of counts")
	fs.StringVar(&s.ResourcesJSON, "resources-json", "", "Allocate the resources that a jobspec in `FILE` has, in place of counts")
	fs.BoolVar(&s.dryRun, "dry-run", false, "Print the jobspec, do not submit it")
	hidden(fs, "dry", fs.Lookup("dry-run").Value)
	fs.Lookup("dry").NoOptDefVal = "true"
	fs.BoolVar(&s.quiet, "quiet", false, "Do not print job ids")
}

// taskFlags adds the options that describe a job's tasks.
func (s *submission) taskFlags(fs *pflag.FlagSet) {
	fs.StringVar(&s.TaskMap, "taskmap", "", "Map tasks to nodes by `SCHEME[:VALUE]`")
	fs.StringVarP(&s.Nodes, "nodes", "N", "", "Allocate `N` nodes")
	fs.BoolVarP(&s.Exclusive, "exclusive", "x", false, "With --nodes, allocate them as a whole")
	fs.StringVarP(&s.Tasks, "ntasks", "n", "", "Start `N` tasks")
	fs.StringVarP(&s.CoresPerTask, "cores-per-task", "c", "", "Allocate `N` cores for each task")
	fs.StringVarP(&s.GPUsPerTask, "gpus-per-task", "g", "", "Allocate `N` GPUs for each task")
	fs.StringVar(&s.Cores, "cores", "", "Allocate `N` cores in total")
	fs.StringVar(&s.TasksPerNode, "tasks-per-node", "", "Start `N` tasks on each node")
	fs.StringVar(&s.TasksPerCore, "tasks-per-core", "", "Start `N` tasks on each core")
	fs.StringVar(&s.GPUsPerNode, "gpus-per-node", "", "With --nodes, allocate `N` GPUs on each")
	fs.CountVarP(&s.verbose, "verbose", "v", "Say more on standard error (repeatable)")
	fs.Lookup("verbose").NoOptDefVal = "+1"
}

// bulkFlags adds the options of flux submit and bulksubmit.
func (s *submission) bulkFlags(fs *pflag.FlagSet) {
	fs.StringVar(&s.CC, "cc", "", "Submit a copy for every id in `IDSET`, with FLUX_JOB_CC=ID")
	fs.StringVar(&s.BCC, "bcc", "", "Submit a copy for every id in `IDSET`")
	fs.StringVar(&s.Wait, "wait-event", "", "Wait for event `NAME` of all jobs")
	fs.BoolVar(&s.wait, "wait", false, "Wait for all jobs to end")
	fs.BoolVar(&s.watch, "watch", false, "Show the output of all jobs (implies --wait)")
	fs.StringVar(&s.Log, "log", "", "Write messages to `FILE` instead of the terminal")
	fs.StringVar(&s.LogStderr, "log-stderr", "", "Write standard error to `FILE`")
	fs.BoolVar(&s.progress, "progress", false, "Show the progress of submission, or with --wait of the jobs")
	fs.BoolVar(&s.jps, "jps", false, "With --progress, show jobs per second")
}

// hidden adds another name for an option.
func hidden(fs *pflag.FlagSet, name string, value pflag.Value) {
	fs.Var(value, name, "")
	fs.Lookup(name).Hidden = true
}

// prefixed is an option whose values join those of another.
type prefixed struct {
	list    *[]string
	prefix  string
	convert func(string) string
}

func (p *prefixed) Set(s string) error {
	if p.convert != nil {
		s = p.convert(s)
	}
	*p.list = append(*p.list, p.prefix+s)
	return nil
}

func (p *prefixed) String() string { return "" }
func (p *prefixed) Type() string   { return "string" }

// beginTime makes a dependency of a time.
func (s *submission) beginTime(text string) string {
	t, err := datetime.Parse(text, time.Now())
	if err != nil {
		s.problem = err
	}
	return "begin-time:" + datetime.Timestamp(t)
}

// jobspec makes the jobspec of the job that args describe.
func (s *submission) jobspec(args *jobargs.Args, sys *jobargs.System) (*jobspec.Jobspec, error) {
	if s.problem != nil {
		return nil, s.problem
	}
	return args.Jobspec(sys)
}
