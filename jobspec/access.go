// SPDX-License-Identifier: LGPL-3.0-or-later

package jobspec

import (
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Duration is attributes.system.duration in seconds; 0 is unlimited or unset.
func (j *Jobspec) Duration() float64 { return j.number("system.duration") }

// SetDuration sets attributes.system.duration, in seconds.
func (j *Jobspec) SetDuration(seconds float64) error {
	if !(seconds >= 0) || math.IsInf(seconds, 0) {
		return errorf("attributes.system.duration", "must be a finite number >= 0")
	}
	return j.SetAttr("system.duration", appendFloat(nil, seconds))
}

// CWD is attributes.system.cwd, "" if unset.
func (j *Jobspec) CWD() string { return j.text("system.cwd") }

// Queue is attributes.system.queue, "" if unset.
func (j *Jobspec) Queue() string { return j.text("system.queue") }

// Bank is attributes.system.bank, "" if unset.
func (j *Jobspec) Bank() string { return j.text("system.bank") }

// Project is attributes.system.project, "" if unset.
func (j *Jobspec) Project() string { return j.text("system.project") }

// JobName is attributes.system.job.name or, if that is unset, the first
// argument of the command without its directory; a path that ends in a slash is
// taken as it is.
func (j *Jobspec) JobName() string {
	if name := j.text("system.job.name"); name != "" {
		return name
	}
	command := j.Command()
	if len(command) == 0 {
		return ""
	}
	if base := command[0][strings.LastIndexByte(command[0], '/')+1:]; base != "" {
		return base
	}
	return command[0]
}

// Command is the command of the first task.
func (j *Jobspec) Command() []string {
	if len(j.tasks) == 0 {
		return nil
	}
	return j.tasks[0].Command
}

// Environment is attributes.system.environment: names and values, where a nil
// value means the variable is to be unset.
func (j *Jobspec) Environment() (map[string]*string, error) {
	env := map[string]*string{}
	raw := j.Attr("system.environment")
	if raw == nil {
		return env, nil
	}
	const path = "attributes.system.environment"
	fields, err := members(raw, path)
	if err != nil {
		return nil, err
	}
	for _, f := range fields {
		if f.value.Kind() == jsontext.KindNull {
			env[f.name] = nil
			continue
		}
		s, err := decodeString(f.value, path+"."+f.name)
		if err != nil {
			return nil, err
		}
		env[f.name] = &s
	}
	return env, nil
}

// Constraints is attributes.system.constraints (RFC 31), nil if unset.
func (j *Jobspec) Constraints() jsontext.Value {
	raw := j.Attr("system.constraints")
	if raw.Kind() == jsontext.KindNull {
		return nil
	}
	return raw
}

// ShellOptions is attributes.system.shell.options, nil if unset.
func (j *Jobspec) ShellOptions() jsontext.Value { return j.Attr("system.shell.options") }

// Dependency is one entry of attributes.system.dependencies (RFC 26).
type Dependency struct {
	Scheme string
	Value  string
	Raw    jsontext.Value // the whole entry, for what schemes add
}

// Dependencies is attributes.system.dependencies.
func (j *Jobspec) Dependencies() ([]Dependency, error) {
	raw := j.Attr("system.dependencies")
	if raw == nil {
		return nil, nil
	}
	const path = "attributes.system.dependencies"
	items, err := elements(raw, path)
	if err != nil {
		return nil, err
	}
	out := make([]Dependency, len(items))
	for i, item := range items {
		at := path + "[" + strconv.Itoa(i) + "]"
		out[i].Raw = item
		if _, err := members(item, at); err != nil {
			return nil, err
		}
		if out[i].Scheme, err = decodeString(child(item, "scheme"), at+".scheme"); err != nil {
			return nil, err
		}
		if out[i].Value, err = decodeString(child(item, "value"), at+".value"); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// number returns a numeric attribute, 0 if it is unset or of another type.
func (j *Jobspec) number(path string) float64 {
	var f float64
	if raw := j.Attr(path); raw.Kind() == jsontext.KindNumber {
		_ = json.Unmarshal(raw, &f)
	}
	return f
}

// text returns a string attribute, "" if it is unset or of another type.
func (j *Jobspec) text(path string) string {
	s, _ := decodeString(j.Attr(path), path)
	return s
}

// appendFloat writes a number so that it reads as a float: 60.0, not 60.
func appendFloat(dst []byte, f float64) []byte {
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return append(dst, s...)
}
