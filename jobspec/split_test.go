// SPDX-License-Identifier: LGPL-3.0-or-later

package jobspec

import (
	"encoding/json"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// FuzzSplit compares the parts of valid JSON with what a JSON decoder finds;
// whatever is not valid must do no harm.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{
		`{}`, `[]`, `{"a":1}`, ` { "a\"b" : [1, "]", {"x":"}"}] , "c":null,"d": -1.5e3 } `,
		`[ "\\", {"a":[[]]} , true ]`, `{"a"}`, `{"a":}`, `{"a":1 "b"}`, `["`, `{"\`, `[1`, `{"a":[}`, `[,]`, `{"a":1]`, `:`, `{:`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		raw := jsontext.Value(b)
		fields, errM := members(raw, "")
		items, errE := elements(raw, "")
		if !raw.IsValid() {
			return
		}
		var object map[string]json.RawMessage
		var array []json.RawMessage
		switch raw.Kind() {
		case '{':
			if err := json.Unmarshal(b, &object); err != nil || errM != nil || len(fields) != len(object) {
				t.Fatalf("%q: %d members, %v, want %d", b, len(fields), errM, len(object))
			}
			for _, m := range fields {
				if want := object[m.name]; string(want) != string(m.value) {
					t.Errorf("%q: %q is %q, want %q", b, m.name, m.value, want)
				}
			}
		case '[':
			if err := json.Unmarshal(b, &array); err != nil || errE != nil || len(items) != len(array) {
				t.Fatalf("%q: %d elements, %v, want %d", b, len(items), errE, len(array))
			}
			for i, v := range items {
				if string(v) != string(array[i]) {
					t.Errorf("%q: element %d is %q, want %q", b, i, v, array[i])
				}
			}
		}
	})
}
