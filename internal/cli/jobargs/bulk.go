// SPDX-License-Identifier: LGPL-3.0-or-later

package jobargs

import (
	"fmt"
	"slices"
	"strings"
)

// Submission is a submission as flux submit and bulksubmit are told about it:
// the job, and what is done with it.
type Submission struct {
	Args
	Urgency        string
	Flags          []string
	CC, BCC        string
	Log, LogStderr string
	Wait           string // the event to wait for
}

// templateField is an option whose value may have templates. flag is how the
// option is shown.
type templateField struct {
	flag string
	text *string
	list *[]string
}

// templateFields are all of them, in the order they are shown.
func (s *Submission) templateFields() []templateField {
	return []templateField{
		{"-q", &s.Queue, nil},
		{"-B", &s.Bank, nil},
		{"-n", &s.Tasks, nil},
		{"-N", &s.Nodes, nil},
		{"-c", &s.CoresPerTask, nil},
		{"-g", &s.GPUsPerTask, nil},
		{"--cores=", &s.Cores, nil},
		{"--tasks-per-node=", &s.TasksPerNode, nil},
		{"--tasks-per-core=", &s.TasksPerCore, nil},
		{"--gpus-per-node=", &s.GPUsPerNode, nil},
		{"-t", &s.TimeLimit, nil},
		{"--env=", nil, &s.Env},
		{"--urgency=", &s.Urgency, nil},
		{"-o ", nil, &s.SetOpt},
		{"--setattr=", nil, &s.SetAttr},
		{"--job-name=", &s.JobName, nil},
		{"--input=", &s.Input, nil},
		{"--output=", &s.Output, nil},
		{"--error=", &s.Error, nil},
		{"--cc=", &s.CC, nil},
		{"--bcc=", &s.BCC, nil},
		{"--log=", &s.Log, nil},
		{"--log-stderr=", &s.LogStderr, nil},
		{"--dependency=", nil, &s.Dependency},
		{"--taskmap=", &s.TaskMap, nil},
		{"--requires=", nil, &s.Requires},
		{"--wait-event=", &s.Wait, nil},
		{"--cwd=", &s.CWD, nil},
		{"--flags=", nil, &s.Flags},
		{"--signal=", &s.Signal, nil},
	}
}

// Fill returns the submission with the templates in its options and command
// filled in. shown is its command line as flux bulksubmit prints it, which
// leaves out the options that all submissions have in common.
func (s *Submission) Fill(in *Inputs) (filled *Submission, shown string, err error) {
	f := *s
	var words []string
	for _, field := range f.templateFields() {
		was := field.String()
		if err := field.fill(in); err != nil {
			return nil, "", err
		}
		if now := field.String(); now != "" && (now != was || field.flag == "--cc=") {
			words = append(words, field.flag+now)
		}
	}
	f.Command = nil
	for _, arg := range s.Command {
		args, err := in.Fill(arg)
		if err != nil {
			return nil, "", FillError(err, "", arg)
		}
		f.Command = append(f.Command, args...)
	}
	return &f, strings.Join(append(words, f.Command...), " "), nil
}

func (f *templateField) fill(in *Inputs) error {
	if f.text != nil {
		return fillText(in, f.text, f.flag)
	}
	list := slices.Clone(*f.list)
	for i := range list {
		if err := fillText(in, &list[i], f.flag); err != nil {
			return err
		}
	}
	*f.list = list
	return nil
}

func fillText(in *Inputs, text *string, flag string) error {
	values, err := in.Fill(*text)
	if err != nil {
		return FillError(err, flag, *text)
	}
	*text = strings.Join(values, " ")
	return nil
}

// String is the value as it is shown; a list like ['a', 'b'].
func (f *templateField) String() string {
	if f.text != nil {
		return *f.text
	}
	if len(*f.list) == 0 {
		return ""
	}
	words := make([]string, len(*f.list))
	for i, s := range *f.list {
		words[i] = fmt.Sprintf("'%s'", s)
	}
	return "[" + strings.Join(words, ", ") + "]"
}
