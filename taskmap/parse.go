// SPDX-License-Identifier: LGPL-3.0-or-later

package taskmap

import (
	"fmt"
	"slices"
	"strings"

	"goflux/idset"
)

// ParseError says what is wrong with a task map, and where.
type ParseError struct {
	Input  string // the map, cut to a length fit to print
	Offset int    // bytes before the place in question
	Reason string
}

// Error tells input, place and reason in one line.
func (e *ParseError) Error() string {
	return fmt.Sprintf("taskmap %q: at position %d: %s", e.Input, e.Offset+1, e.Reason)
}

// maxQuoted bounds how much of a bad input an error repeats: an error is for
// reading, and the input may be megabytes.
const maxQuoted = 64

func fail(in string, offset int, format string, args ...any) error {
	quoted := in
	if len(quoted) > maxQuoted {
		quoted = quoted[:maxQuoted] + "..."
	}
	return &ParseError{Input: quoted, Offset: offset, Reason: fmt.Sprintf(format, args...)}
}

const blanks = " \t\n\v\f\r"

// Parse reads a map in any of its forms, which it tells apart by their first
// character. An empty string, like "[]", is the unknown map. The error is a
// *ParseError.
func Parse(in string) (*Map, error) {
	text := strings.TrimLeft(in, blanks)
	switch {
	case text == "":
		return New(), nil
	case text[0] == '(':
		return parsePMI(in)
	case text[0] == '[' || text[0] == '{':
		return parseJSON([]byte(in))
	}
	return parseRaw(in)
}

// UnmarshalJSON reads the plain or the wrapped form of RFC 34; it replaces the
// contents of m.
func (m *Map) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	n, err := parseJSON(data)
	if err != nil {
		return err
	}
	*m = *n
	return nil
}

// span is a run of consecutive tasks on one node.
type span struct {
	ids  idset.Range
	node int
	at   int // offset of the node's part of the input
}

// parseRaw reads the raw form: node by node a set of tasks, separated by
// semicolons.
func parseRaw(in string) (*Map, error) {
	spans, err := rawSpans(in)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(spans, func(a, b span) int { return int(int64(a.ids.Lo) - int64(b.ids.Lo)) })
	m := New()
	for _, s := range spans {
		lo, hi, want := int(s.ids.Lo), int(s.ids.Hi), m.tasks
		switch {
		case lo < want:
			return nil, fail(in, s.at, "duplicate task %s", idset.FromRange(s.ids.Lo, uint32(min(hi, want-1))))
		case lo > want:
			return nil, fail(in, s.at, "missing task %s", idset.FromRange(uint32(want), s.ids.Lo-1))
		}
		if err := m.Append(s.node, 1, hi-lo+1, 1); err != nil {
			return nil, fail(in, s.at, "%v", err)
		}
	}
	return m, nil
}

func rawSpans(in string) ([]span, error) {
	var spans []span
	at, node := 0, 0
	for text := range strings.SplitSeq(in, ";") {
		// Blanks around the whole are harmless; within they are not.
		ids, err := idset.Parse(strings.Trim(text, blanks))
		if err != nil {
			return nil, fail(in, at, "node %d: %v", node, err)
		}
		if ids.Empty() {
			return nil, fail(in, at, "node %d has no tasks", node)
		}
		for r := range ids.Ranges() {
			spans = append(spans, span{r, node, at})
		}
		at += len(text) + 1
		node++
	}
	return spans, nil
}
