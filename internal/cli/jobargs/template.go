// SPDX-License-Identifier: LGPL-3.0-or-later

package jobargs

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// Inputs are what the fields of flux bulksubmit's templates stand for: one
// input each for {0}, {1} and so on, and named values such as {seq}.
type Inputs struct {
	Positional []string
	Named      map[string]string
	// Method computes an attribute that --define added, {0.NAME}. Several
	// results become several arguments. Nil if there are none.
	Method func(name, input string) (results []string, ok bool, err error)
}

// Errors of templates, told apart because each has its own words.
var (
	errIndex = errors.New("Replacement index out of range")
	errField = errors.New("field is not closed")
)

// keyError is the name of a field that is not known.
type keyError string

func (e keyError) Error() string { return fmt.Sprintf("Replacement key '%s' not found", string(e)) }

// Fill replaces the fields of a template. {{ and }} enclose what the job shell
// fills in and are left alone. Where a method has several results, the texts
// for each are returned.
func (in *Inputs) Fill(template string) ([]string, error) {
	var b strings.Builder
	next := 0
	for s := template; s != ""; {
		i := strings.IndexAny(s, "{}")
		if i < 0 {
			b.WriteString(s)
			break
		}
		b.WriteString(s[:i])
		s = s[i:]
		if strings.HasPrefix(s, "{{") || strings.HasPrefix(s, "}}") {
			b.WriteString(s[:2])
			s = s[2:]
			continue
		}
		field, rest, closed := strings.Cut(s[1:], "}")
		if s[0] == '}' || !closed {
			return nil, fmt.Errorf("'%s': %w", template, errField)
		}
		text, err := in.field(field, &next)
		if err != nil {
			return nil, err
		}
		b.WriteString(text)
		s = rest
	}
	return strings.Split(b.String(), listMark), nil
}

// listMark separates the results of a method. No argument can hold a NUL.
const listMark = "\x00"

// field is what stands for {field}: a name, or an index (the next one if
// empty) and perhaps an attribute after a point.
func (in *Inputs) field(field string, next *int) (string, error) {
	name, attr, hasAttr := strings.Cut(field, ".")
	if name == "" {
		name = strconv.Itoa(*next)
		*next++
	}
	n, err := strconv.ParseUint(name, 10, 31)
	if err != nil {
		value, ok := in.Named[name]
		if !ok || hasAttr {
			return "", keyError(name)
		}
		return value, nil
	}
	if n >= uint64(len(in.Positional)) {
		return "", errIndex
	}
	if !hasAttr {
		return in.Positional[n], nil
	}
	return in.attribute(in.Positional[n], attr)
}

// attribute is a part of an input.
func (in *Inputs) attribute(input, attr string) (string, error) {
	switch attr {
	case "%":
		return withoutExtension(input), nil
	case "/":
		return input[strings.LastIndexByte(input, '/')+1:], nil
	case "//":
		return directory(input), nil
	case "/%":
		s := withoutExtension(input)
		return s[strings.LastIndexByte(s, '/')+1:], nil
	}
	if in.Method != nil {
		results, ok, err := in.Method(attr, input)
		if ok || err != nil {
			return strings.Join(results, listMark), err
		}
	}
	return "", fmt.Errorf("Unknown input string method '.%s'", attr)
}

// withoutExtension cuts the extension; points a name begins with are none.
func withoutExtension(s string) string {
	base := s[strings.LastIndexByte(s, '/')+1:]
	name := strings.TrimLeft(base, ".")
	return strings.TrimSuffix(s, path.Ext(name))
}

func directory(s string) string {
	i := strings.LastIndexByte(s, '/')
	dir := s[:i+1]
	if trimmed := strings.TrimRight(dir, "/"); trimmed != "" {
		return trimmed
	}
	return dir
}

// FillError says why a template could not be filled, in the words for the
// option it belongs to ("-n", "--env="), or "" for the command.
func FillError(err error, option, template string) error {
	var key keyError
	switch {
	case option == "" && (errors.Is(err, errIndex) || errors.As(err, &key)):
		return fmt.Errorf("Invalid replacement string in command: '%s'", template)
	case errors.As(err, &key):
		return fmt.Errorf("Replacement key '%s' not found in '%s%s'", string(key), option, template)
	case errors.Is(err, errIndex):
		return fmt.Errorf("Invalid replacement index in %s%s'", option, template)
	}
	return err
}
