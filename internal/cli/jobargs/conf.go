// SPDX-License-Identifier: LGPL-3.0-or-later

package jobargs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/pelletier/go-toml/v2"

	"goflux/internal/message"
)

// Conf is the configuration of an instance in the making, which the values of
// --conf build one after another.
type Conf struct {
	table map[string]any // nil before the first
}

// JSON is the configuration as an object, nil if there is none.
func (c *Conf) JSON() (jsontext.Value, error) {
	if c.table == nil {
		return nil, nil
	}
	return message.Marshal(c.table)
}

// Add takes a value: a text of several lines (JSON or TOML), KEY=VALUE, the
// name of a file that ends in .toml or .json, or the name of a configuration
// in the directories where those are kept.
func (c *Conf) Add(value string, sys *System) error {
	if c.table == nil {
		c.table = map[string]any{}
	}
	switch {
	case strings.Contains(value, "\n"):
		return c.addText(value)
	case strings.Contains(value, "="):
		return c.addKey(value)
	}
	if ext := filepath.Ext(value); ext == ".toml" || ext == ".json" {
		return c.addFile(value, sys)
	}
	return c.addNamed(value, sys)
}

func (c *Conf) addText(text string) error {
	table, err := parseJSON([]byte(text))
	if err != nil {
		if table, err = parseTOML([]byte(text)); err != nil {
			return fmt.Errorf("--conf: failed to parse multiline as TOML or JSON")
		}
	}
	merge(c.table, table)
	return nil
}

// addKey sets one key, whose dots lead into tables.
func (c *Conf) addKey(text string) error {
	key, given, _ := strings.Cut(text, "=")
	var value any
	if err := message.Unmarshal([]byte(given), &value); err != nil {
		value = given
	}
	table := c.table
	path := strings.Split(key, ".")
	for _, name := range path[:len(path)-1] {
		if table[name] == nil {
			table[name] = map[string]any{}
		}
		next, ok := table[name].(map[string]any)
		if !ok {
			return fmt.Errorf("failed to set %s to %s: %s is not a table", key, given, name)
		}
		table = next
	}
	table[path[len(path)-1]] = value
	return nil
}

func (c *Conf) addFile(path string, sys *System) error {
	data, err := sys.ReadFile(path)
	if err != nil {
		return fmt.Errorf("--conf: %w", err)
	}
	table, err := parseFile(path, data)
	if err != nil {
		return fmt.Errorf("--conf: parse error: %s: %w", path, err)
	}
	merge(c.table, table)
	return nil
}

// addNamed looks for NAME.toml and NAME.json in the directories of the XDG base
// directory specification.
func (c *Conf) addNamed(name string, sys *System) error {
	for _, dir := range configDirs(sys.Environ) {
		for _, ext := range []string{".toml", ".json"} {
			path := filepath.Join(dir, "flux", "config", name+ext)
			data, err := sys.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			var table map[string]any
			if err == nil {
				table, err = parseFile(path, data)
			}
			if err != nil {
				return fmt.Errorf("--conf=%s: %s: %w", name, path, err)
			}
			merge(c.table, table)
			return nil
		}
	}
	return fmt.Errorf("--conf: named config '%s' not found", name)
}

func configDirs(env map[string]string) []string {
	home := env["XDG_CONFIG_HOME"]
	if home == "" {
		home = filepath.Join(env["HOME"], ".config")
	}
	dirs := env["XDG_CONFIG_DIRS"]
	if dirs == "" {
		dirs = "/etc/xdg"
	}
	return append([]string{home}, strings.Split(dirs, ":")...)
}

func parseFile(path string, data []byte) (map[string]any, error) {
	if filepath.Ext(path) == ".json" {
		return parseJSON(data)
	}
	return parseTOML(data)
}

func parseJSON(data []byte) (table map[string]any, err error) {
	if k := jsontext.Value(bytes.TrimSpace(data)).Kind(); k != '{' {
		return nil, errors.New("not a JSON object")
	}
	err = message.Unmarshal(data, &table)
	return table, err
}

func parseTOML(data []byte) (table map[string]any, err error) {
	err = toml.Unmarshal(data, &table)
	return table, err
}

// merge merges src into dst: tables are merged, other values replaced.
func merge(dst, src map[string]any) {
	for key, value := range src {
		a, ok1 := dst[key].(map[string]any)
		b, ok2 := value.(map[string]any)
		if ok1 && ok2 {
			merge(a, b)
		} else {
			dst[key] = value
		}
	}
}
