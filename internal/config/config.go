// SPDX-License-Identifier: LGPL-3.0-or-later

package config

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"

	"goflux/internal/message"
)

// Table is a configuration or a part of it.
type Table = map[string]any

// maxFile bounds a configuration file: one for 100,000 hosts named one by one
// has some 10 MB.
const maxFile = 64 << 20

// Load reads the configuration at path: all *.toml files of a directory in
// order of name, or one file, JSON if its name ends in .json.
func Load(path string) (Table, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, pathError("stat: "+path, err)
	}
	files := []string{path}
	if st.IsDir() {
		if files, err = tomlFiles(path); err != nil {
			return nil, err
		}
	}
	conf := Table{}
	for _, f := range files {
		if err := mergeFile(conf, f); err != nil {
			return nil, err
		}
	}
	return conf, nil
}

func tomlFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, pathError(dir, err)
	}
	var files []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".toml") && !strings.HasPrefix(e.Name(), ".") {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	sort.Strings(files)
	return files, nil
}

func mergeFile(conf Table, path string) error {
	st, err := os.Stat(path)
	if err == nil && st.Size() > maxFile {
		err = syscall.EFBIG
	}
	if err != nil {
		return pathError(path, err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return pathError(path, err)
	}
	var t Table
	if strings.HasSuffix(path, ".json") {
		t, err = parseJSON(b)
	} else {
		t, err = ParseTOML(b)
	}
	if err != nil {
		if p, ok := err.(*ParseError); ok {
			return message.Errorf(syscall.EINVAL, "%s:%d: %s", path, p.Line, p.Text)
		}
		return message.Errorf(syscall.EINVAL, "%s: %v", path, err)
	}
	Merge(conf, t)
	return nil
}

func pathError(what string, err error) error {
	num := message.Errno(err)
	return message.Errorf(num, "%s: %s", what, message.ErrnoText(num))
}

// Merge copies src into dst, table by table; what is not a table replaces.
func Merge(dst, src Table) {
	for k, v := range src {
		from, ok := v.(Table)
		if to, isTable := dst[k].(Table); ok && isTable {
			Merge(to, from)
			continue
		}
		dst[k] = v
	}
}

// Clone returns a copy of t whose tables may be changed.
func Clone(t Table) Table {
	c := make(Table, len(t))
	for k, v := range t {
		if sub, ok := v.(Table); ok {
			v = Clone(sub)
		}
		c[k] = v
	}
	return c
}

// Update changes conf as one --conf=VALUE says (flux-broker(1)): KEY=VAL, a
// JSON object, TOML with a newline in it, or the path of a file.
func Update(conf Table, value string) error {
	trimmed := strings.TrimLeft(value, " \t\r\n")
	switch {
	case strings.HasPrefix(value, "{"), strings.Contains(value, "\n") && strings.HasPrefix(trimmed, "{"):
		t, err := parseJSON([]byte(value))
		if err != nil {
			return message.Errorf(syscall.EINVAL, "inline JSON: %v", err)
		}
		Merge(conf, t)
		return nil
	case strings.Contains(value, "\n"):
		t, err := ParseTOML([]byte(value))
		if err != nil {
			return message.Errorf(syscall.EINVAL, "%v", err)
		}
		Merge(conf, t)
		return nil
	}
	if key, val, ok := strings.Cut(value, "="); ok {
		return setKey(conf, key, val)
	}
	return mergeFile(conf, value)
}

// setKey sets the value at a dotted key, making the tables on its way.
func setKey(conf Table, key, val string) error {
	if key == "" {
		return message.Errorf(syscall.EINVAL, "value must have a key in KEY=VAL")
	}
	v, err := parseValue([]byte(val))
	if err != nil {
		v = val // what is not JSON is a string
	}
	path := strings.Split(key, ".")
	for _, name := range path[:len(path)-1] {
		sub, ok := conf[name].(Table)
		if !ok {
			if conf[name] != nil {
				return message.Errorf(syscall.EINVAL, "setting %s: %s is not a table", key, name)
			}
			sub = Table{}
			conf[name] = sub
		}
		conf = sub
	}
	conf[path[len(path)-1]] = v
	return nil
}

// Lookup returns the value at a dotted key; "" is the whole.
func Lookup(conf Table, key string) (any, bool) {
	var v any = conf
	if key == "" {
		return v, true
	}
	for name := range strings.SplitSeq(key, ".") {
		t, ok := v.(Table)
		if !ok {
			return nil, false
		}
		if v, ok = t[name]; !ok {
			return nil, false
		}
	}
	return v, true
}

// ParseError is a syntax error in a file.
type ParseError struct {
	Line, Column int
	Text         string
}

func (e *ParseError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Text) }
