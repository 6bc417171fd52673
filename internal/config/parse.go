// SPDX-License-Identifier: LGPL-3.0-or-later

package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// ParseTOML parses a TOML document. A syntax error is a [*ParseError].
func ParseTOML(b []byte) (Table, error) {
	t := Table{}
	if err := toml.Unmarshal(b, &t); err != nil {
		var de *toml.DecodeError
		if errors.As(err, &de) {
			row, col := de.Position()
			return nil, &ParseError{Line: row, Column: col, Text: strings.TrimPrefix(de.Error(), "toml: ")}
		}
		return nil, err
	}
	return plain(t).(Table), nil
}

// plain turns what only TOML has, dates and times, into strings.
func plain(v any) any {
	switch v := v.(type) {
	case Table:
		for k, e := range v {
			v[k] = plain(e)
		}
	case []any:
		for i, e := range v {
			v[i] = plain(e)
		}
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case fmt.Stringer:
		return v.String()
	}
	return v
}

func parseJSON(b []byte) (Table, error) {
	v, err := parseValue(b)
	if err != nil {
		line := 1
		var se *json.SyntaxError
		if errors.As(err, &se) {
			line += bytes.Count(b[:min(int(se.Offset), len(b))], []byte("\n"))
		}
		return nil, &ParseError{Line: line, Text: err.Error()}
	}
	t, ok := v.(Table)
	if !ok {
		return nil, errors.New("JSON must be an object")
	}
	return t, nil
}

// parseValue decodes any JSON value; a number without fraction is an int64.
func parseValue(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something follows the value")
	}
	return numbers(v), nil
}

func numbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = numbers(e)
		}
	case []any:
		for i, e := range v {
			v[i] = numbers(e)
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64() // out of range is the largest
		return f
	}
	return v
}
