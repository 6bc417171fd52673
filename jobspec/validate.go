// SPDX-License-Identifier: LGPL-3.0-or-later

package jobspec

import (
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/constraint"
)

// Rules is what Validate holds a jobspec to.
type Rules int

const (
	// AnyVersion is V1 for a version 1 jobspec, Canonical for others.
	AnyVersion Rules = iota
	// Canonical is RFC 14.
	Canonical
	// V1 is version 1 as a Flux instance accepts it for ingest: fixed counts,
	// one task, a duration. Resource graphs may be richer than RFC 25 allows,
	// because schedulers that understand them exist.
	V1
	// StrictV1 is V1 with the resource graphs of RFC 25 alone.
	StrictV1
)

// Validate applies the rules beyond those of Parse. The first breach is
// returned as an *Error.
func (j *Jobspec) Validate(rules Rules) error {
	if rules == AnyVersion {
		rules = Canonical
		if j.version == 1 {
			rules = V1
		}
	}
	if rules != Canonical && j.version != 1 {
		return errorf("version", "must be 1")
	}
	if err := j.validateSections(); err != nil {
		return err
	}
	if err := j.validateSystem(); err != nil {
		return err
	}
	if rules == Canonical {
		return nil
	}
	if err := j.validateV1(); err != nil {
		return err
	}
	if rules == StrictV1 {
		return validateGraph(j.resources)
	}
	return nil
}

func (j *Jobspec) validateSections() error {
	if len(j.resources) == 0 {
		return errorf("resources", "must define at least one resource")
	}
	if len(j.tasks) == 0 {
		return errorf("tasks", "must define at least one task")
	}
	fields, err := members(j.rawAttributes, "attributes")
	if err != nil {
		return err
	}
	for _, f := range fields {
		if f.name != "system" && f.name != "user" {
			return errorf("attributes", "Extraneous key (%s)", f.name)
		}
		if _, err := members(f.value, "attributes."+f.name); err != nil {
			return err
		}
	}
	return nil
}

// systemRules are the system attributes whose form is prescribed (RFC 14).
var systemRules = map[string]func(j *Jobspec, v jsontext.Value, path string) error{
	"duration":          nonNegative,
	"preemptible-after": nonNegative,
	"cwd":               wantString,
	"queue":             wantString,
	"bank":              wantString,
	"project":           wantString,
	"files":             wantObject,
	"environment": func(j *Jobspec, _ jsontext.Value, _ string) error {
		_, err := j.Environment()
		return err
	},
	"dependencies": func(j *Jobspec, _ jsontext.Value, _ string) error {
		_, err := j.Dependencies()
		return err
	},
	"constraints": wantConstraint,
	"job":         wantJob,
	"shell":       wantShell,
}

func (j *Jobspec) validateSystem() error {
	fields, err := members(child(j.rawAttributes, "system"), "attributes.system")
	if err != nil {
		return nil // there is none, which validateV1 minds
	}
	for _, f := range fields {
		if rule := systemRules[f.name]; rule != nil {
			if err := rule(j, f.value, "attributes.system."+f.name); err != nil {
				return err
			}
		}
	}
	return nil
}

func nonNegative(j *Jobspec, v jsontext.Value, path string) error {
	if v.Kind() != jsontext.KindNumber {
		return errorf(path, "must be a number")
	}
	if v[0] == '-' {
		return errorf(path, "must be >= 0")
	}
	return nil
}

func wantString(_ *Jobspec, v jsontext.Value, path string) error {
	_, err := decodeString(v, path)
	return err
}

func wantObject(_ *Jobspec, v jsontext.Value, path string) error {
	_, err := members(v, path)
	return err
}

func wantConstraint(_ *Jobspec, v jsontext.Value, path string) error {
	_, err := constraint.Parse(v)
	var e *constraint.Error
	if errors.As(err, &e) {
		return errorf(path+e.Path, "%s", e.Msg)
	}
	return err
}

// wantJob checks job metadata, of which every value is a string.
func wantJob(_ *Jobspec, v jsontext.Value, path string) error {
	fields, err := members(v, path)
	for i := 0; i < len(fields) && err == nil; i++ {
		_, err = decodeString(fields[i].value, path+"."+fields[i].name)
	}
	return err
}

func wantShell(_ *Jobspec, v jsontext.Value, path string) error {
	if _, err := members(v, path); err != nil {
		return err
	}
	if options := child(v, "options"); options != nil {
		_, err := members(options, path+".options")
		return err
	}
	return nil
}

func (j *Jobspec) validateV1() error {
	if child(j.rawAttributes, "system") == nil {
		return errorf("attributes.system", "is a required key")
	}
	if j.Attr("system.duration") == nil {
		return errorf("attributes.system.duration", "is a required key")
	}
	if len(j.resources) != 1 {
		return errorf("resources", "must contain exactly one element")
	}
	if len(j.tasks) != 1 {
		return errorf("tasks", "must contain exactly one element")
	}
	if j.tasks[0].Count.PerResource != nil {
		return errorf("tasks[0].count", "per_slot or total must be set")
	}
	return fixedCounts(j.resources, "resources")
}
