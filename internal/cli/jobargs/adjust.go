// SPDX-License-Identifier: LGPL-3.0-or-later

package jobargs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/constraint"
	"goflux/internal/message"
	"goflux/jobspec"
)

// adjust sets what all submission commands set on a finished jobspec, in the
// order that lets --setopt and --setattr have the last word.
func (a *Args) adjust(sys *System, j *jobspec.Jobspec, expand map[string]string) error {
	if len(expand) > 0 {
		if err := setOption(j, "env-expand", expand); err != nil {
			return err
		}
	}
	if a.Signal != "" {
		s, err := parseSignal(a.Signal)
		if err != nil {
			return err
		}
		if err := setOption(j, "signal", s); err != nil {
			return err
		}
	}
	if err := a.setURIs(sys, j); err != nil {
		return err
	}
	if len(a.Requires) > 0 {
		query := strings.Join(a.Requires, " ")
		c, err := constraint.Requires.Parse(query)
		if err != nil {
			return fmt.Errorf("--requires='%s': %w", query, err)
		}
		if err := j.SetAttr("attributes.system.constraints", c); err != nil {
			return err
		}
	}
	return a.setGiven(sys, j)
}

// setURIs sets task map and dependencies, which are given as URIs.
func (a *Args) setURIs(sys *System, j *jobspec.Jobspec) error {
	if a.TaskMap != "" {
		u, err := parseURI(a.TaskMap, "taskmap")
		if err != nil {
			return err
		}
		if err := setOption(j, "taskmap", u); err != nil {
			return err
		}
	}
	if len(a.Dependency) == 0 {
		return nil
	}
	list := make([]jsontext.Value, len(a.Dependency))
	for i, text := range a.Dependency {
		u, err := parseURI(text, "dependency")
		if err != nil {
			return err
		}
		if strings.HasPrefix(text, "after:") && sys.Warn != nil {
			sys.Warn("dependency scheme 'after' is deprecated, use 'afterstart'")
		}
		list[i] = u
	}
	return setAttr(j, "attributes.system.dependencies", list)
}

// setGiven sets options, attributes and files as the user gave them.
func (a *Args) setGiven(sys *System, j *jobspec.Jobspec) error {
	for _, text := range a.SetOpt {
		key, value, err := parseKeyValue("--setopt", text, sys.ReadFile)
		if err != nil {
			return err
		}
		if err := setOption(j, key, value); err != nil {
			return err
		}
	}
	for _, text := range a.SetAttr {
		key, value, err := parseKeyValue("--setattr", text, sys.ReadFile)
		if err != nil {
			return err
		}
		if err := set(j, attrPath(key), value); err != nil {
			return err
		}
	}
	for _, text := range a.AddFile {
		if err := addFile(j, text, sys); err != nil {
			return fmt.Errorf("--add-file=%s: %w", text, err)
		}
	}
	return nil
}

// attrPath completes the key of --setattr.
func attrPath(key string) string {
	switch {
	case strings.HasPrefix(key, "."):
		return "attributes" + key
	case strings.HasPrefix(key, "attributes."):
		return key
	case strings.HasPrefix(key, "system."), strings.HasPrefix(key, "user."):
		return "attributes." + key
	}
	return "attributes.system." + key
}

func setOption(j *jobspec.Jobspec, key string, value any) error {
	return setAttr(j, "attributes.system.shell.options."+key, value)
}

func setAttr(j *jobspec.Jobspec, path string, value any) error {
	raw, err := message.Marshal(value)
	if err != nil {
		return err
	}
	return set(j, path, raw)
}

// set sets an attribute.
func set(j *jobspec.Jobspec, path string, value jsontext.Value) error {
	if err := j.SetAttr(path, value); err != nil {
		shown := string(value)
		var text string
		if message.Unmarshal(value, &text) == nil {
			shown = text
		}
		return fmt.Errorf("failed to set %s to %s: %w", path, shown, err)
	}
	return nil
}

// parseKeyValue reads KEY, KEY=VALUE or ^KEY=FILE. A value is JSON or else a
// string; none is 1.
func parseKeyValue(option, text string, readFile func(string) ([]byte, error)) (key string, value jsontext.Value, err error) {
	key, given, has := strings.Cut(text, "=")
	if rest, isFile := strings.CutPrefix(key, "^"); isFile {
		key = strings.TrimLeft(rest, "^")
		if value, err = readFile(given); err != nil {
			return "", nil, err
		}
		if !value.IsValid() {
			return "", nil, fmt.Errorf("%s: %s: %w", option, given, jsonFault(value))
		}
		return key, value, nil
	}
	if !has {
		return key, jsontext.Value("1"), nil
	}
	if value = jsontext.Value(given); value.IsValid() {
		return key, value, nil
	}
	value, err = message.Marshal(given)
	return key, value, err
}

// jsonFault tells why value is not JSON.
func jsonFault(value jsontext.Value) error {
	var v any
	err := message.Unmarshal(value, &v)
	if err == nil {
		err = errors.New("not one JSON value")
	}
	return err
}
