// SPDX-License-Identifier: LGPL-3.0-or-later

package outfmt

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/pelletier/go-toml/v2"
	"go.yaml.in/yaml/v3"
)

// Named is a format that has a name.
type Named struct {
	Name, Description, Format string
}

// Set is the named formats of a tool. Users and sites add theirs in files
// NAME.toml, NAME.json or NAME.yaml, below [Subcommand.]formats, in the
// directory flux of each of the XDG configuration directories.
type Set struct {
	Tool       string // the files' name: "flux-jobs"
	EnvName    string // the tool's name in the environment, if another
	Subcommand string // the files' table: "list" of flux-resource
	Builtin    []Named
	// Tables are the tables that the files may have, each with the keys it may
	// have besides formats; nil leaves all but Subcommand's formats unchecked.
	Tables map[string][]string
}

// fileEntry is a format in a configuration file.
type fileEntry struct {
	description string
	format      string
}

// Resolve returns the format that name stands for: itself when it has braces,
// otherwise a named one. "help" and "get-config=NAME" print to w what is asked
// for and return done.
func (s Set) Resolve(w io.Writer, name string) (format string, done bool, err error) {
	formats, err := s.load()
	if err != nil {
		return "", false, err
	}
	if strings.Contains(name, "{") {
		return name, false, nil
	}
	if name == "help" {
		s.help(w, formats)
		return "", true, nil
	}
	if wanted, ok := strings.CutPrefix(name, "get-config="); ok {
		return "", true, s.printConfig(w, formats, wanted)
	}
	if name == "default" {
		if env := os.Getenv(s.envName()); env != "" {
			if name = env; strings.Contains(name, "{") {
				return name, false, nil
			}
		}
	}
	if n, ok := find(formats, name); ok {
		return n.Format, false, nil
	}
	guess := regexp.MustCompile(`\w+`).ReplaceAllString(name, "{$0}")
	return "", false, fmt.Errorf("--format: No such format %s (Did you mean '%s'?)", name, guess)
}

// envName is the variable that holds the default format: FLUX_JOBS_FORMAT_DEFAULT.
func (s Set) envName() string {
	name := s.Tool
	if s.EnvName != "" {
		name = s.EnvName
	}
	if s.Subcommand != "" {
		name += "_" + s.Subcommand
	}
	return strings.ToUpper(strings.ReplaceAll(name, "-", "_")) + "_FORMAT_DEFAULT"
}

func (s Set) help(w io.Writer, formats []Named) {
	fmt.Fprintf(w, "\nConfigured %s output formats:\n\n", s.Tool)
	for _, n := range formats {
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("  %-12s %s", n.Name, n.Description), " "))
	}
}

// printConfig prints a format as it would stand in a configuration file.
func (s Set) printConfig(w io.Writer, formats []Named, name string) error {
	n, ok := find(formats, name)
	if !ok {
		return fmt.Errorf("--format: No such format %s", name)
	}
	table := "formats." + name
	if s.Subcommand != "" {
		table = s.Subcommand + "." + table
	}
	fmt.Fprintf(w, "[%s]\n", table)
	if n.Description != "" {
		fmt.Fprintf(w, "description = %s\n", tomlString(n.Description))
	}
	fmt.Fprintf(w, "format = %s\n", tomlString(n.Format))
	return nil
}

func tomlString(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(s) + `"`
}

func find(formats []Named, name string) (Named, bool) {
	i := slices.IndexFunc(formats, func(n Named) bool { return n.Name == name })
	if i < 0 {
		return Named{}, false
	}
	return formats[i], true
}

// load adds the formats of the configuration files to those built in; a file of
// higher precedence replaces another's.
func (s Set) load() ([]Named, error) {
	formats := slices.Clone(s.Builtin)
	for _, dir := range configDirs() {
		paths, _ := filepath.Glob(filepath.Join(dir, s.Tool+".*"))
		for _, path := range paths {
			conf, err := readFile(path)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			entries, err := s.entries(conf)
			if err == nil {
				err = s.checkKeys(conf)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			formats = s.merge(formats, entries)
		}
	}
	return formats, nil
}

// checkKeys refuses keys that are in nobody's reach.
func (s Set) checkKeys(conf map[string]any) error {
	if s.Tables == nil {
		return nil
	}
	for name, v := range conf {
		keys, ok := s.Tables[name]
		table, isTable := v.(map[string]any)
		if !ok || !isTable {
			return fmt.Errorf("invalid key %s", name)
		}
		for key := range table {
			if key != "formats" && !slices.Contains(keys, key) {
				return fmt.Errorf("invalid key %s.%s", name, key)
			}
		}
	}
	return nil
}

// Strings is a list of strings that the configuration files have under a key of
// the Subcommand's table; the most important file's counts.
func (s Set) Strings(key string) ([]string, error) {
	var list []string
	for _, dir := range configDirs() {
		paths, _ := filepath.Glob(filepath.Join(dir, s.Tool+".*"))
		for _, path := range paths {
			conf, err := readFile(path)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			table, _ := conf[s.Subcommand].(map[string]any)
			if table[key] == nil {
				continue
			}
			values, ok := table[key].([]any)
			list = nil
			for _, v := range values {
				text, isText := v.(string)
				list, ok = append(list, text), ok && isText
			}
			if !ok {
				return nil, fmt.Errorf("%s: %s.%s must be a list of strings", path, s.Subcommand, key)
			}
		}
	}
	return list, nil
}

func (s Set) merge(formats []Named, entries map[string]fileEntry) []Named {
	names := make([]string, 0, len(entries))
	for name := range entries {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		n := Named{name, entries[name].description, entries[name].format}
		if i := slices.IndexFunc(formats, func(o Named) bool { return o.Name == name }); i >= 0 {
			formats[i] = n
		} else {
			formats = append(formats, n)
		}
	}
	return formats
}

// configDirs are the directories of configuration, the most important last.
func configDirs() []string {
	home := os.Getenv("XDG_CONFIG_HOME")
	if home == "" {
		home = filepath.Join(os.Getenv("HOME"), ".config")
	}
	system := os.Getenv("XDG_CONFIG_DIRS")
	if system == "" {
		system = "/etc/xdg"
	}
	dirs := append([]string{home}, strings.Split(system, ":")...)
	slices.Reverse(dirs)
	for i, dir := range dirs {
		dirs[i] = filepath.Join(dir, "flux")
	}
	return dirs
}

// readFile decodes a configuration file by its name's ending; a file of another
// kind is nothing.
func readFile(path string) (map[string]any, error) {
	var decode func([]byte, any) error
	switch filepath.Ext(path) {
	case ".toml":
		decode = toml.Unmarshal
	case ".json":
		decode = func(b []byte, v any) error { return json.Unmarshal(b, v) }
	case ".yaml":
		decode = yaml.Unmarshal
	default:
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var conf map[string]any
	if err := decode(text, &conf); err != nil {
		return nil, err
	}
	return conf, nil
}

// entries are the formats in a file, checked.
func (s Set) entries(conf map[string]any) (map[string]fileEntry, error) {
	if s.Subcommand != "" {
		sub, ok := conf[s.Subcommand].(map[string]any)
		if !ok {
			if conf[s.Subcommand] != nil {
				return nil, fmt.Errorf("the '%s' key must be a mapping", s.Subcommand)
			}
			return nil, nil
		}
		conf = sub
	}
	if conf["formats"] == nil {
		return nil, nil
	}
	table, ok := conf["formats"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the 'formats' key must be a mapping")
	}
	entries := map[string]fileEntry{}
	for name, v := range table {
		if _, ok := find(s.Builtin, name); ok {
			return nil, fmt.Errorf("override of builtin format '%s' not permitted", name)
		}
		entry, err := readEntry(name, v)
		if err != nil {
			return nil, err
		}
		entries[name] = entry
	}
	return entries, nil
}

func readEntry(name string, v any) (fileEntry, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return fileEntry{}, fmt.Errorf("'formats.%s' must be a mapping", name)
	}
	if m["format"] == nil {
		return fileEntry{}, fmt.Errorf("formats.%s: required key 'format' missing", name)
	}
	format, ok := m["format"].(string)
	if !ok {
		return fileEntry{}, fmt.Errorf("formats.%s: 'format' key must be a string", name)
	}
	description, _ := m["description"].(string)
	return fileEntry{description, format}, nil
}
