// SPDX-License-Identifier: LGPL-3.0-or-later

package config

import (
	"fmt"
	"math"
	"slices"
	"syscall"
	"time"

	"goflux/fsd"
	"goflux/internal/message"
)

// Section reads a table key by key and keeps the first mistake, so that the
// code that uses it is a list of keys. A section that is not there is empty.
type Section struct {
	name  string
	table Table
	known []string
	err   error
}

// Read returns the table called name of conf.
func Read(conf Table, name string) *Section {
	s := &Section{name: name}
	v, ok := conf[name]
	if !ok {
		return s
	}
	if s.table, ok = v.(Table); !ok {
		s.fail(fmt.Sprintf("Expected object, got %s", kind(v)))
	}
	return s
}

// Present tells whether the table is there.
func (s *Section) Present() bool { return s.table != nil }

func (s *Section) fail(text string) {
	if s.err == nil {
		s.err = message.Errorf(syscall.EINVAL, "Config file error [%s]: %s", s.name, text)
	}
}

// Fail notes what is wrong with key, unless something else was found before.
func (s *Section) Fail(key, format string, args ...any) {
	s.fail(key + ": " + fmt.Sprintf(format, args...))
}

// get returns the value of key as a T.
func get[T any](s *Section, key, want string) (T, bool) {
	var zero T
	s.known = append(s.known, key)
	v, ok := s.table[key]
	if !ok {
		return zero, false
	}
	t, ok := v.(T)
	if !ok {
		s.Fail(key, "Expected %s, got %s", want, kind(v))
	}
	return t, ok
}

// String, Int, Bool, Array and Table return the value of a key, and whether it
// is there.
func (s *Section) String(key string) (string, bool) { return get[string](s, key, "string") }
func (s *Section) Int(key string) (int64, bool)     { return get[int64](s, key, "integer") }
func (s *Section) Bool(key string) (bool, bool)     { return get[bool](s, key, "boolean") }
func (s *Section) Array(key string) ([]any, bool)   { return get[[]any](s, key, "array") }
func (s *Section) Table(key string) (Table, bool)   { return get[Table](s, key, "object") }

// Any returns the value of a key that may be of several types.
func (s *Section) Any(key string) (any, bool) {
	s.known = append(s.known, key)
	v, ok := s.table[key]
	return v, ok
}

// Forever is an infinite duration.
const Forever = time.Duration(math.MaxInt64)

// Duration returns a key whose value is text in Flux Standard Duration.
func (s *Section) Duration(key string) (time.Duration, bool) {
	text, ok := s.String(key)
	if !ok {
		return 0, false
	}
	if n, err := fsd.ParseSeconds(text); err == nil && math.IsInf(n, 1) {
		return Forever, true
	}
	d, err := fsd.Parse(text)
	if err != nil {
		s.Fail(key, "%v", err)
		return 0, false
	}
	return d, true
}

// Err is the first mistake; with strict, a key that was not asked for is one.
func (s *Section) Err(strict bool) error {
	if s.err != nil || !strict {
		return s.err
	}
	for key := range s.table {
		if !slices.Contains(s.known, key) {
			s.Fail(key, "there is no such key (1 object item(s) left unpacked: %s)", key)
			break
		}
	}
	return s.err
}

// kind names a value's type as JSON does.
func kind(v any) string {
	switch v.(type) {
	case string:
		return "string"
	case int64:
		return "integer"
	case float64:
		return "real"
	case bool:
		return "boolean"
	case []any:
		return "array"
	case Table:
		return "object"
	case nil:
		return "null"
	}
	return fmt.Sprintf("%T", v)
}
