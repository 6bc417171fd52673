// SPDX-License-Identifier: LGPL-3.0-or-later

package jobspec

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json/jsontext"
)

// This file splits JSON that has been found valid when it came in, which takes
// no second look at what is in strings and numbers. What is not valid after
// all is an error or splits oddly; it is never read past its end.

var errSplit = errors.New("unexpected end or character")

// members splits a JSON object. The values are parts of raw.
func members(raw jsontext.Value, path string) ([]member, error) {
	if raw.Kind() != jsontext.KindBeginObject {
		return nil, errorf(path, "must be an object")
	}
	out := make([]member, 0, bytes.Count(raw[:min(len(raw), countAhead)], []byte{':'}))
	i := blanks(raw, blanks(raw, 0)+1)
	for i < len(raw) && raw[i] != '}' {
		end := valueEnd(raw, i)
		if raw[i] != '"' || end < 0 {
			return nil, badJSON(errSplit)
		}
		m := member{name: unquote(raw[i:end])}
		if i = blanks(raw, end); i == len(raw) || raw[i] != ':' {
			return nil, badJSON(errSplit)
		}
		i = blanks(raw, i+1)
		if end = valueEnd(raw, i); end < 0 {
			return nil, badJSON(errSplit)
		}
		m.value = raw[i:end:end]
		out = append(out, m)
		i = nextItem(raw, end)
	}
	if i >= len(raw) {
		return nil, badJSON(errSplit)
	}
	return out, nil
}

// countAhead bounds how far it is counted how many members there may be.
const countAhead = 512

// elements splits a JSON array. The values are parts of raw.
func elements(raw jsontext.Value, path string) ([]jsontext.Value, error) {
	if raw.Kind() != jsontext.KindBeginArray {
		return nil, errorf(path, "must be an array")
	}
	var out []jsontext.Value
	i := blanks(raw, blanks(raw, 0)+1)
	for i < len(raw) && raw[i] != ']' {
		end := valueEnd(raw, i)
		if end < 0 {
			return nil, badJSON(errSplit)
		}
		out = append(out, raw[i:end:end])
		i = nextItem(raw, end)
	}
	if i >= len(raw) {
		return nil, badJSON(errSplit)
	}
	return out, nil
}

// blanks is where what is not blank begins from i on.
func blanks(raw []byte, i int) int {
	for i < len(raw) && (raw[i] == ' ' || raw[i] == '\t' || raw[i] == '\n' || raw[i] == '\r') {
		i++
	}
	return min(i, len(raw))
}

// nextItem is where the next item begins, or the closing bracket is, after one
// that ended at i.
func nextItem(raw []byte, i int) int {
	if i = blanks(raw, i); i < len(raw) && raw[i] == ',' {
		return blanks(raw, i+1)
	}
	if i < len(raw) && raw[i] != '}' && raw[i] != ']' {
		return len(raw)
	}
	return i
}

// valueEnd is the end of the value that begins at i, -1 when there is none.
func valueEnd(raw []byte, i int) int {
	if i >= len(raw) {
		return -1
	}
	switch raw[i] {
	case '"':
		return stringEnd(raw, i)
	case '{', '[':
		return nestedEnd(raw, i)
	}
	end := i
	for end < len(raw) {
		switch raw[end] {
		case ',', ']', '}', ':', ' ', '\t', '\n', '\r':
			if end == i {
				return -1
			}
			return end
		}
		end++
	}
	return end
}

func stringEnd(raw []byte, i int) int {
	for i++; i < len(raw); i++ {
		switch raw[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

func nestedEnd(raw []byte, i int) int {
	depth := 0
	for ; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			if i = stringEnd(raw, i) - 1; i < 0 {
				return -1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

func unquote(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	b, _ := jsontext.AppendUnquote(nil, raw) // it was checked when it came in
	return string(b)
}
