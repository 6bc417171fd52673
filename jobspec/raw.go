// SPDX-License-Identifier: LGPL-3.0-or-later

package jobspec

import (
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// member is one name and value of a JSON object, in the order they stand.
type member struct {
	name  string
	value jsontext.Value
}

func badJSON(err error) error { return errorf("", "invalid JSON: %v", err) }

// appendMembers writes a JSON object.
func appendMembers(dst []byte, fields []member) []byte {
	dst = append(dst, '{')
	for i, f := range fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(quote(dst, f.name), ':')
		dst = append(dst, f.value...)
	}
	return append(dst, '}')
}

// quote appends s as a JSON string. What is not UTF-8 in it, say in an
// environment variable, becomes U+FFFD.
func quote(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}

func decodeInt(raw jsontext.Value, path string) (int64, error) {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		if len(raw) > 32 {
			raw = append(raw[:32:32], "..."...)
		}
		return 0, errorf(path, "must be an integer (got %s)", raw)
	}
	return n, nil
}

func decodeString(raw jsontext.Value, path string) (string, error) {
	var s string
	if len(raw) == 0 {
		return "", errorf(path, "is missing")
	}
	if raw.Kind() != jsontext.KindString || json.Unmarshal(raw, &s) != nil {
		return "", errorf(path, "must be a string")
	}
	return s, nil
}

func decodeBool(raw jsontext.Value, path string) (bool, error) {
	switch raw.Kind() {
	case jsontext.KindTrue:
		return true, nil
	case jsontext.KindFalse:
		return false, nil
	}
	return false, errorf(path, "must be a boolean")
}
