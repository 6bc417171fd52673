// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/internal/message"
)

// jsonPath is the value at a path of keys joined by periods, as it is written.
func jsonPath(v jsontext.Value, path string) (jsontext.Value, bool) {
	for key := range strings.SplitSeq(path, ".") {
		var ok bool
		if v, ok = jsonMember(v, key); !ok {
			return nil, false
		}
	}
	return v, true
}

// jsonMember is the value of a key of an object.
func jsonMember(v jsontext.Value, key string) (jsontext.Value, bool) {
	var object map[string]jsontext.Value
	if v.Kind() != '{' || message.Unmarshal(v, &object) != nil {
		return nil, false
	}
	member, ok := object[key]
	return member, ok
}
