// SPDX-License-Identifier: LGPL-3.0-or-later

package jobspec

import (
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Options are the attributes the submission commands set at creation, in the
// order they set them. Zero means not given.
type Options struct {
	// Duration in seconds. A pointer, for 0 is a value: unlimited.
	Duration *float64
	// Environment of the job; nil leaves it out.
	Environment map[string]string
	CWD         string
	// RLimit maps limit names ("nofile") to values, -1 for unlimited.
	RLimit map[string]int64
	Name   string
	// Input, Output and Error are files. "none" and "kvs" mean no file for
	// the latter two.
	Input, Output, Error string
	// LabelIO prefixes lines in output files with the task's rank.
	LabelIO bool
	// Unbuffered turns off buffering of standard streams.
	Unbuffered bool
	Queue      string
	Bank       string
}

// FromCommand builds the jobspec of flux run and submit (version 1).
func FromCommand(command []string, l Layout, o Options) (*Jobspec, error) {
	j, err := fromLayout(command, l)
	if err != nil {
		return nil, err
	}
	return j, j.apply(o)
}

// attrSetter sets attributes until the first error.
type attrSetter struct {
	j   *Jobspec
	err error
}

func (s *attrSetter) set(path string, value jsontext.Value) {
	if s.err == nil {
		s.err = s.j.SetAttr(path, value)
	}
}

func (s *attrSetter) text(path, value string) {
	if value != "" {
		s.set(path, quote(nil, value))
	}
}

func (s *attrSetter) option(path string, value string) {
	s.set("system.shell.options."+path, jsontext.Value(value))
}

func (j *Jobspec) apply(o Options) error {
	s := attrSetter{j: j}
	if o.Duration != nil {
		s.err = j.SetDuration(*o.Duration)
	}
	if o.Environment != nil {
		s.set("system.environment", appendStrings(nil, o.Environment))
	}
	s.text("system.cwd", o.CWD)
	if len(o.RLimit) > 0 {
		s.set("system.shell.options.rlimit", appendLimits(nil, o.RLimit))
	}
	s.text("system.job.name", o.Name)
	s.file("input", "stdin", o.Input, false)
	if o.Output != "none" && o.Output != "kvs" {
		s.file("output", "stdout", o.Output, o.LabelIO)
	}
	if o.Error != "none" && o.Error != "kvs" {
		s.file("output", "stderr", o.Error, o.LabelIO)
	}
	if o.Unbuffered {
		s.option("output.stdout.buffer.type", `"none"`)
		s.option("output.stderr.buffer.type", `"none"`)
		s.option("output.batch-timeout", `0.05`)
		s.option("input.batch-timeout", `0.0`)
	}
	s.text("system.queue", o.Queue)
	s.text("system.bank", o.Bank)
	return s.err
}

// file redirects a stream.
func (s *attrSetter) file(kind, stream, path string, label bool) {
	if path == "" {
		return
	}
	s.option(kind+"."+stream+".type", `"file"`)
	s.option(kind+"."+stream+".path", string(quote(nil, path)))
	if label {
		s.option(kind+"."+stream+".label", `true`)
	}
}

func appendStrings(dst []byte, m map[string]string) []byte {
	fields := make([]member, 0, len(m))
	for k, v := range m {
		// A name JSON cannot hold could come out equal to another.
		fields = append(fields, member{strings.ToValidUTF8(k, "\uFFFD"), quote(nil, v)})
	}
	return appendSorted(dst, fields)
}

func appendLimits(dst []byte, m map[string]int64) []byte {
	fields := make([]member, 0, len(m))
	for k, v := range m {
		fields = append(fields, member{k, strconv.AppendInt(nil, v, 10)})
	}
	return appendSorted(dst, fields)
}

func appendSorted(dst []byte, fields []member) []byte {
	byName := func(a, b member) int { return strings.Compare(a.name, b.name) }
	slices.SortStableFunc(fields, byName)
	fields = slices.CompactFunc(fields, func(a, b member) bool { return a.name == b.name })
	return appendMembers(dst, fields)
}
