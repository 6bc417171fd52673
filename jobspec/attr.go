// SPDX-License-Identifier: LGPL-3.0-or-later

package jobspec

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Attributes returns the attributes section. It belongs to j.
func (j *Jobspec) Attributes() jsontext.Value { return j.rawAttributes }

// Attr returns the attribute named by a dotted path, or nil. A path that begins
// with "attributes." is complete. Others are below it, and those that do not
// name the system or user section are below system: "duration",
// "system.duration" and "attributes.system.duration" are the same. The value
// belongs to j.
func (j *Jobspec) Attr(path string) jsontext.Value {
	names := attrPath(path)
	v := j.rawAttributes
	if len(names) > 1 && names[0] == "system" {
		v, names = find(j.system, names[1]), names[2:]
	}
	for _, name := range names {
		if v == nil {
			return nil
		}
		v = child(v, name)
	}
	return v
}

// setAttributes sets the section.
func (j *Jobspec) setAttributes(raw jsontext.Value) error {
	sections, err := members(raw, "attributes")
	if err != nil {
		return err
	}
	j.rawAttributes, j.system = raw, nil
	if system := find(sections, "system"); system.Kind() == jsontext.KindBeginObject {
		j.system, err = members(system, "attributes.system")
	}
	return err
}

// SetAttr sets the attribute named by a path (see Attr) to a JSON value.
// Objects on the way are made as needed; everything else stays as it was,
// byte for byte.
func (j *Jobspec) SetAttr(path string, value jsontext.Value) error {
	if !value.IsValid() {
		return errorf(path, "value is not valid JSON")
	}
	raw, err := setChild(j.rawAttributes, attrPath(path), value, "attributes")
	if err != nil {
		return err
	}
	return j.setAttributes(raw)
}

// DeleteAttr removes the attribute named by a path (see Attr) if it is there.
func (j *Jobspec) DeleteAttr(path string) error {
	if j.Attr(path) == nil {
		return nil
	}
	raw, err := setChild(j.rawAttributes, attrPath(path), nil, "attributes")
	if err != nil {
		return err
	}
	return j.setAttributes(raw)
}

// attrPath splits a path and supplies what it leaves out.
func attrPath(path string) []string {
	if rest, complete := strings.CutPrefix(path, "attributes."); complete {
		return strings.Split(rest, ".")
	}
	if !strings.HasPrefix(path, "system.") && !strings.HasPrefix(path, "user.") &&
		path != "system" && path != "user" {
		path = "system." + path
	}
	return strings.Split(path, ".")
}

// child returns a member of an object, nil if there is none.
func child(raw jsontext.Value, name string) jsontext.Value {
	fields, err := members(raw, "")
	if err != nil {
		return nil
	}
	return find(fields, name)
}

// find returns the value of a member, nil if there is none.
func find(fields []member, name string) jsontext.Value {
	for _, f := range fields {
		if f.name == name {
			return f.value
		}
	}
	return nil
}

// setChild returns raw with the member at path set, or removed if value is
// nil. at is the path so far, for errors.
func setChild(raw jsontext.Value, path []string, value jsontext.Value, at string) (jsontext.Value, error) {
	if len(path) > MaxDepth {
		return nil, errorf(at, "attribute path exceeds %d levels", MaxDepth)
	}
	var fields []member
	if raw != nil {
		var err error
		if fields, err = members(raw, at); err != nil {
			return nil, err
		}
	}
	i := 0
	for i < len(fields) && fields[i].name != path[0] {
		i++
	}
	if i == len(fields) {
		fields = append(fields, member{name: path[0]})
	}
	if len(path) > 1 {
		deeper, err := setChild(fields[i].value, path[1:], value, at+"."+path[0])
		if err != nil {
			return nil, err
		}
		value = deeper
	}
	fields[i].value = value
	if value == nil {
		fields = append(fields[:i], fields[i+1:]...)
	}
	return appendMembers(nil, fields), nil
}
