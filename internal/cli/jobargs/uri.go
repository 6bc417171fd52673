// SPDX-License-Identifier: LGPL-3.0-or-later

package jobargs

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/internal/message"
)

// parseURI reads SCHEME:VALUE[?KEY=VALUE[&…]] and returns it as the object of
// RFC 26: scheme, value, and further keys with numbers where they look like
// such. A repeated key is an array.
func parseURI(text, what string) (jsontext.Value, error) {
	scheme, rest, _ := strings.Cut(text, ":")
	if !isScheme(scheme) {
		return nil, fmt.Errorf("Invalid %s URI \"%s\"", what, text)
	}
	rest, _, _ = strings.Cut(rest, "#")
	value, query, _ := strings.Cut(rest, "?")
	entry := object{{"scheme", strings.ToLower(scheme)}, {"value", value}}
	for pair := range strings.SplitSeq(query, "&") {
		key, val, has := strings.Cut(pair, "=")
		if !has || val == "" {
			continue
		}
		entry = entry.add(unescape(key), unescape(val))
	}
	return entry.json()
}

// isScheme tells whether s may be the scheme of a URI.
func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if !('a' <= c && c <= 'z') && (i == 0 || !strings.ContainsRune("0123456789+-._", rune(s[i]))) {
			return false
		}
	}
	return s != ""
}

func unescape(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

// object is a JSON object whose members keep their order.
type object []struct {
	key   string
	value any
}

// add sets a key of a query; a second value makes a list of it.
func (o object) add(key, text string) object {
	value := number2JSON(text)
	for i := range o {
		if o[i].key != key {
			continue
		}
		if list, ok := o[i].value.([]any); ok {
			o[i].value = append(list, value)
		} else if i < 2 { // scheme and value themselves are replaced
			o[i].value = value
		} else {
			o[i].value = []any{o[i].value, value}
		}
		return o
	}
	return append(o, struct {
		key   string
		value any
	}{key, value})
}

// number2JSON is text as a number if it is one.
func number2JSON(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && f-f == 0 {
		return f
	}
	return text
}

func (o object) json() (jsontext.Value, error) {
	out := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			out = append(out, ',')
		}
		key, err := message.Marshal(m.key)
		if err != nil {
			return nil, err
		}
		value, err := message.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, key...), ':'), value...)
	}
	return append(out, '}'), nil
}
