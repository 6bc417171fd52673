// SPDX-License-Identifier: LGPL-3.0-or-later

package jobspec

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Jobspec is a request to run one program (RFC 14). Make one with Parse,
// FromYAML or a builder.
type Jobspec struct {
	version   int64
	resources []Resource
	tasks     []Task

	// The sections as JSON. Only attributes ever change.
	rawResources, rawTasks, rawAttributes jsontext.Value
	// attributes.system, split: most of what is asked for is in it.
	system []member
}

// Parse reads a jobspec from JSON. It insists on the four sections and on the
// types of what they hold; Validate judges the rest.
func Parse(data []byte) (*Jobspec, error) {
	raw := jsontext.Value(data).Clone()
	if _, err := jsontext.AppendFormat(nil, raw, jsontext.PreserveRawStrings(true)); err != nil {
		return nil, badJSON(err)
	}
	if raw.Kind() != jsontext.KindBeginObject {
		return nil, errorf("", "jobspec must be a JSON object")
	}
	sections, err := members(raw, "")
	if err != nil {
		return nil, err
	}
	j := &Jobspec{}
	for _, s := range sections {
		switch s.name {
		case "version":
			j.version, err = decodeVersion(s.value)
		case "resources":
			j.rawResources = s.value
			j.resources, err = decodeResources(s.value)
		case "tasks":
			j.rawTasks = s.value
			j.tasks, err = decodeTasks(s.value)
		case "attributes":
			err = j.setAttributes(s.value)
		default:
			err = errorf("", "Extraneous key (%s)", s.name)
		}
		if err != nil {
			return nil, err
		}
	}
	return j, j.complete()
}

func decodeVersion(raw jsontext.Value) (int64, error) {
	v, err := decodeInt(raw, "version")
	if err == nil && v < 1 {
		err = errorf("version", "must be >= 1")
	}
	return v, err
}

// complete reports the first section that is missing.
func (j *Jobspec) complete() error {
	for _, s := range []struct {
		name  string
		there bool
	}{
		{"resources", j.rawResources != nil},
		{"tasks", j.rawTasks != nil},
		{"attributes", j.rawAttributes != nil},
		{"version", j.version != 0},
	} {
		if !s.there {
			return errorf("", "Missing key (%s)", s.name)
		}
	}
	return nil
}

// Version is the jobspec version, 1 for RFC 25.
func (j *Jobspec) Version() int { return int(j.version) }

// Resources returns the resource vertices. They belong to j.
func (j *Jobspec) Resources() []Resource { return j.resources }

// Tasks returns the task descriptors. They belong to j.
func (j *Jobspec) Tasks() []Task { return j.tasks }

// Clone returns a copy whose attributes change independently.
func (j *Jobspec) Clone() *Jobspec {
	c := *j
	return &c
}

// MarshalJSON returns the sections in the order Flux writes them, byte for
// byte as they came where nothing was changed.
func (j *Jobspec) MarshalJSON() ([]byte, error) {
	return appendMembers(nil, []member{
		{"resources", j.rawResources},
		{"tasks", j.rawTasks},
		{"attributes", j.rawAttributes},
		{"version", strconv.AppendInt(nil, j.version, 10)},
	}), nil
}

// UnmarshalJSON is Parse.
func (j *Jobspec) UnmarshalJSON(data []byte) error {
	parsed, err := Parse(data)
	if err == nil {
		*j = *parsed
	}
	return err
}

// String is the jobspec on one line with a space after commas and colons, as
// --dry-run prints it.
func (j *Jobspec) String() string {
	raw, _ := j.MarshalJSON()
	v := jsontext.Value(raw)
	// The sections were checked when they came in.
	_ = v.Format(jsontext.Multiline(false), jsontext.SpaceAfterComma(true), jsontext.SpaceAfterColon(true))
	return string(v)
}
