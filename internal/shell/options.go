// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/fsd"
	"goflux/internal/message"
)

// options are the shell options of the jobspec
// (attributes.system.shell.options). A path such as "output.limit" leads into
// objects.
type options struct{ root map[string]jsontext.Value }

func newOptions(raw jsontext.Value) (options, error) {
	o := options{map[string]jsontext.Value{}}
	if len(raw) == 0 {
		return o, nil
	}
	if err := message.Unmarshal(raw, &o.root); err != nil {
		return o, fmt.Errorf("shell options are not an object")
	}
	return o, nil
}

// get returns an option, nil when it is not set.
func (o options) get(path string) jsontext.Value {
	members := o.root
	for {
		key, rest, more := strings.Cut(path, ".")
		v := members[key]
		if !more || v == nil {
			return v
		}
		members = nil
		if message.Unmarshal(v, &members) != nil {
			return nil
		}
		path = rest
	}
}

// isSet reports whether an option is set, to whatever.
func (o options) isSet(path string) bool { return o.get(path) != nil }

// version splits an option of the form value@version; "" for what is no string.
func (o options) version(path string) (value, version string) {
	_ = o.str(path, &value)
	value, version, _ = strings.Cut(value, "@")
	return value, version
}

// object checks that an option, if set, is an object.
func (o options) object(path string) error {
	if v := o.get(path); v != nil && v.Kind() != '{' {
		return fmt.Errorf("shell option %s must be an object", path)
	}
	return nil
}

// only checks that an object has none but the given members.
func (o options) only(path string, names ...string) error {
	v := o.get(path)
	if v == nil || v.Kind() != '{' {
		return nil
	}
	var members map[string]jsontext.Value
	if err := message.Unmarshal(v, &members); err != nil {
		return err
	}
	var left []string
	for name := range members {
		if !slices.Contains(names, name) {
			left = append(left, name)
		}
	}
	if len(left) == 0 {
		return nil
	}
	slices.Sort(left)
	return fmt.Errorf("%d object item(s) left unpacked: %s", len(left), strings.Join(left, ", "))
}

// str stores an option in *dst, if set; it must be a string.
func (o options) str(path string, dst *string) error {
	return decode(o, path, dst, "a string")
}

// num is for an integer.
func (o options) num(path string, dst *int) error { return decode(o, path, dst, "an integer") }

// flag is for true, false or a number: 0 is false.
func (o options) flag(path string, dst *bool) error {
	v := o.get(path)
	switch {
	case v == nil:
	case v.Kind() == 't', v.Kind() == 'f':
		*dst = v.Kind() == 't'
	case v.Kind() == '0':
		*dst = string(v) != "0"
	default:
		return fmt.Errorf("shell option %s must be true or false", path)
	}
	return nil
}

func decode[T any](o options, path string, dst *T, what string) error {
	v := o.get(path)
	if v == nil {
		return nil
	}
	if err := message.Unmarshal(v, dst); err != nil {
		return fmt.Errorf("shell option %s must be %s", path, what)
	}
	return nil
}

// seconds is for a duration: a number of seconds or text (RFC 23).
func (o options) seconds(path string, dst *float64) error {
	v := o.get(path)
	if v == nil {
		return nil
	}
	if v.Kind() == '0' {
		return decode(o, path, dst, "a number of seconds")
	}
	var text string
	if message.Unmarshal(v, &text) == nil {
		if d, err := fsd.ParseSeconds(text); err == nil {
			*dst = d
			return nil
		}
	}
	return fmt.Errorf("shell option %s is not a valid Flux Standard Duration: %s", path, v)
}

// wait is for a time that something may be put off: a number of seconds.
func (o options) wait(path string, dst *float64) error {
	if err := o.seconds(path, dst); err != nil || *dst < 0 {
		return fmt.Errorf("invalid %s option", path)
	}
	return nil
}

// size is for a number of bytes: an integer, or text with a scale (1.5M).
func (o options) size(path string, limit int64, dst *int64) error {
	v := o.get(path)
	if v == nil {
		return nil
	}
	text := strings.Trim(string(v), `"`)
	scale := 1.0
	if i := strings.IndexAny(text, "kKMG"); i > 0 && i == len(text)-1 {
		scale = math.Pow(1024, float64(strings.IndexByte("kMG", strings.Replace(text[i:], "K", "k", 1)[0])+1))
		text = text[:i]
	}
	f, err := strconv.ParseFloat(text, 64)
	if f *= scale; err != nil || !(f >= 1) || f > float64(limit) {
		return fmt.Errorf("Invalid %s=%s", path, strings.Trim(string(v), `"`))
	}
	*dst = int64(f)
	return nil
}
