// SPDX-License-Identifier: LGPL-3.0-or-later

package eventlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Entry is one event.
type Entry struct {
	Timestamp float64         // seconds since the Unix epoch, above zero
	Name      string          // not empty
	Context   json.RawMessage // a JSON object, nil if the event has none
}

// New makes an entry. The context is any Go value that becomes a JSON object;
// nil means none.
func New(timestamp float64, name string, context any) (Entry, error) {
	e := Entry{Timestamp: timestamp, Name: name}
	if context != nil {
		raw, err := jsonv2.Marshal(context, jsonv2.Deterministic(true))
		if err != nil {
			return Entry{}, fmt.Errorf("eventlog: context of event %q: %w", name, err)
		}
		e.Context = raw
	}
	return e, e.Validate()
}

// Validate reports what keeps e from being an event of RFC 18.
func (e Entry) Validate() error {
	if err := checkTimestamp(e.Timestamp); err != nil {
		return fmt.Errorf("eventlog: event %q: %w", e.Name, err)
	}
	if err := checkName(e.Name); err != nil {
		return fmt.Errorf("eventlog: %w", err)
	}
	if e.Context == nil {
		return nil
	}
	if c := jsontext.Value(e.Context); c.Kind() != '{' || !c.IsValid() {
		return fmt.Errorf("eventlog: event %q: context is not a JSON object", e.Name)
	}
	return nil
}

func checkTimestamp(t float64) error {
	if !(t > 0) || math.IsInf(t, 1) {
		return fmt.Errorf("timestamp %v is not above zero", t)
	}
	return nil
}

var errNoName = errors.New("event name is empty")

func checkName(name string) error {
	if name == "" {
		return errNoName
	}
	if !utf8.ValidString(name) {
		return fmt.Errorf("event name %q is not UTF-8", name)
	}
	return nil
}

// UnmarshalContext decodes the context into v; it does nothing if there is
// none. Unknown keys are ignored.
func (e Entry) UnmarshalContext(v any) error {
	if e.Context == nil {
		return nil
	}
	if err := jsonv2.Unmarshal(e.Context, v); err != nil {
		return fmt.Errorf("eventlog: context of event %q: %w", e.Name, err)
	}
	return nil
}

// Append adds the line of e, newline included, to dst. The entry has to be
// valid; blanks in its context are dropped, so that it is one line always.
func (e Entry) Append(dst []byte) []byte {
	dst = append(dst, `{"timestamp":`...)
	dst = appendFloat(dst, e.Timestamp)
	dst = append(dst, `,"name":`...)
	// The error is about invalid UTF-8, which is written as U+FFFD.
	dst, _ = jsontext.AppendQuote(dst, e.Name)
	if e.Context != nil {
		dst = append(dst, `,"context":`...)
		dst = appendCompact(dst, e.Context)
	}
	return append(dst, '}', '\n')
}

// String is the line of e without the newline.
func (e Entry) String() string {
	line := e.Append(nil)
	return string(line[:len(line)-1])
}

// appendFloat writes a number as flux-core does: seventeen significant digits
// without trailing zeros, and always a fraction or an exponent.
func appendFloat(dst []byte, f float64) []byte {
	begin := len(dst)
	dst = strconv.AppendFloat(dst, f, 'g', 17, 64)
	if !strings.ContainsAny(string(dst[begin:]), ".e") {
		dst = append(dst, ".0"...)
	}
	return dst
}

// appendCompact copies JSON without the blanks between its tokens. It never
// copies a line break, whatever it is given: that would make two lines of one.
func appendCompact(dst, raw []byte) []byte {
	inString, escaped := false, false
	for _, c := range raw {
		switch {
		case c == '\n' || c == '\r':
			continue
		case inString:
			if escaped {
				escaped = false
			} else if c == '\\' {
				escaped = true
			} else if c == '"' {
				inString = false
			}
		case c == ' ' || c == '\t':
			continue
		case c == '"':
			inString = true
		}
		dst = append(dst, c)
	}
	return dst
}
