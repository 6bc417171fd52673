// SPDX-License-Identifier: LGPL-3.0-or-later

package modprobe

import (
	"fmt"
	"path/filepath"
	"sort"
	"strings"

	"goflux/internal/config"
	"goflux/internal/install"
)

// searchPath is where files are looked for: $FLUX_MODPROBE_PATH or the
// installation's directories, and $FLUX_MODPROBE_PATH_APPEND. What a package
// installs is below builtin, datadir for tables and libexecdir for programs.
func (m *Modprobe) searchPath(builtin string) []string {
	var dirs []string
	if path, ok := m.inst.Getenv("FLUX_MODPROBE_PATH"); ok {
		dirs = strings.Split(path, ":")
	} else {
		dir, _ := install.Builtin(builtin)
		dirs = []string{filepath.Join(dir, "modprobe"), filepath.Join(install.Sysconf(), "modprobe")}
	}
	if path, ok := m.inst.Getenv("FLUX_MODPROBE_PATH_APPEND"); ok {
		dirs = append(dirs, strings.Split(path, ":")...)
	}
	seen := names{"": true}
	var list []string
	for _, d := range dirs {
		if d = strings.TrimSpace(d); !seen[d] {
			seen[d] = true
			list = append(list, d)
		}
	}
	return list
}

// files returns NAME.d/*.EXT of all directories of the search path.
func (m *Modprobe) files(name, ext string) []string {
	builtin := "datadir"
	if ext == "py" {
		builtin = "libexecdir"
	}
	var list []string
	for _, dir := range m.searchPath(builtin) {
		pattern := filepath.Join(dir, name+".d", "*."+ext)
		m.tell("checking " + pattern)
		if found, err := filepath.Glob(pattern); err == nil {
			sort.Strings(found)
			list = append(list, found...)
		}
	}
	return list
}

func (m *Modprobe) readFiles() error {
	for _, file := range m.files("modprobe", "toml") {
		t, err := config.Load(file)
		if err == nil {
			err = m.apply(t)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

// apply takes in a file: an array of modules, new or changed, and tables that
// change one.
func (m *Modprobe) apply(t config.Table) error {
	for name, v := range t {
		if name != "modules" {
			if err := m.update(name, v); err != nil {
				return err
			}
			continue
		}
		list, ok := v.([]any)
		if !ok {
			return fmt.Errorf("modules is not an array of tables")
		}
		for _, e := range list {
			if err := m.applyModule(e); err != nil {
				return fmt.Errorf("invalid modules entry: %w", err)
			}
		}
	}
	return nil
}

func (m *Modprobe) applyModule(e any) error {
	table, ok := e.(config.Table)
	if !ok {
		return fmt.Errorf("not a table")
	}
	name, ok := table["name"].(string)
	if !ok || name == "" {
		return fmt.Errorf("Missing required config key 'name'")
	}
	t := m.tasks[name]
	if t == nil {
		t = &Task{Name: name, Module: name, Priority: defaultPriority}
		t.Ranks, _ = ParseRanks("") // all
		if err := t.set(table); err != nil {
			return err
		}
		m.add(t)
		return nil
	}
	return t.set(table)
}

// readConfig takes in the [modules] table of the instance's configuration.
func (m *Modprobe) readConfig() error {
	table, _ := m.inst.Config()["modules"].(config.Table)
	for name, v := range table {
		if name != "alternatives" {
			if err := m.update(name, v); err != nil {
				return fmt.Errorf("[modules]: %w", err)
			}
			continue
		}
		alternatives, _ := v.(config.Table)
		for service, a := range alternatives {
			module, _ := a.(string)
			if err := m.SetAlternative(service, module); err != nil {
				return fmt.Errorf("[modules] alternatives: %w", err)
			}
		}
	}
	return nil
}

func (m *Modprobe) update(name string, v any) error {
	t, err := m.Get(name)
	if err != nil {
		return err
	}
	table, ok := v.(config.Table)
	if !ok {
		return fmt.Errorf("%s is not a table", name)
	}
	return t.set(table)
}

// moduleKeys are the keys of a module's table (flux-modprobe(1)).
var moduleKeys = names{
	"name": true, "module": true, "exec": true, "disabled": true, "priority": true, "ranks": true, "args": true,
	"provides": true, "requires": true, "needs": true, "before": true, "after": true,
	"needs-attrs": true, "needs-config": true, "needs-env": true,
}

// set changes a task as a table says.
func (t *Task) set(table config.Table) error {
	for key := range table {
		if !moduleKeys[key] {
			return fmt.Errorf("%s: invalid config key '%s'", t.Name, key)
		}
	}
	s := config.Read(config.Table{t.Name: table}, t.Name)
	if v, ok := s.String("module"); ok {
		t.Module = v
	}
	if v, ok := s.Bool("exec"); ok {
		t.Exec = v
	}
	if v, ok := s.Bool("disabled"); ok {
		t.Disabled = v
	}
	if v, ok := s.Int("priority"); ok {
		t.Priority = v
	}
	if v, ok := s.String("ranks"); ok {
		r, err := ParseRanks(v)
		if err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
		t.Ranks = r
	}
	for key, field := range map[string]*[]string{
		"args": &t.Args, "provides": &t.Provides, "requires": &t.Requires, "needs": &t.Needs,
		"before": &t.Before, "after": &t.After, "needs-attrs": &t.NeedsAttrs,
		"needs-config": &t.NeedsConfig, "needs-env": &t.NeedsEnv,
	} {
		if v, ok := s.Array(key); ok {
			*field = nil
			for _, e := range v {
				text, ok := e.(string)
				if !ok {
					s.Fail(key, "Expected an array of strings")
				}
				*field = append(*field, text)
			}
		}
	}
	return s.Err(false)
}
