// SPDX-License-Identifier: LGPL-3.0-or-later

package jobspec

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// member is one name and value of a JSON object, in the order they stand.
type member struct {
	name  string
	value jsontext.Value
}

// members splits a JSON object. The values are parts of raw.
func members(raw jsontext.Value, path string) ([]member, error) {
	if raw.Kind() != jsontext.KindBeginObject {
		return nil, errorf(path, "must be an object")
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw))
	if _, err := dec.ReadToken(); err != nil {
		return nil, badJSON(err)
	}
	var out []member
	for dec.PeekKind() != jsontext.KindEndObject {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, badJSON(err)
		}
		m := member{name: name.String()}
		if m.value, err = readValue(dec, raw); err != nil {
			return nil, badJSON(err)
		}
		out = append(out, m)
	}
	return out, nil
}

// elements splits a JSON array. The values are parts of raw.
func elements(raw jsontext.Value, path string) ([]jsontext.Value, error) {
	if raw.Kind() != jsontext.KindBeginArray {
		return nil, errorf(path, "must be an array")
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw))
	if _, err := dec.ReadToken(); err != nil {
		return nil, badJSON(err)
	}
	var out []jsontext.Value
	for dec.PeekKind() != jsontext.KindEndArray {
		v, err := readValue(dec, raw)
		if err != nil {
			return nil, badJSON(err)
		}
		out = append(out, v)
	}
	return out, nil
}

// readValue returns the next value as the part of raw it is.
func readValue(dec *jsontext.Decoder, raw jsontext.Value) (jsontext.Value, error) {
	v, err := dec.ReadValue()
	if err != nil {
		return nil, err
	}
	end := int(dec.InputOffset())
	return raw[end-len(v) : end : end], nil
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
