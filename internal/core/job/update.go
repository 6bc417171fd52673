// SPDX-License-Identifier: LGPL-3.0-or-later

package job

import (
	"fmt"
	"sort"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/internal/message"
)

// updateJobspec applies a jobspec-update event: a dictionary of period-delimited
// paths and their new values (RFC 21).
func (j *Job) updateJobspec(context []byte) error {
	updates, err := ParseUpdates(context)
	if err != nil || j.Jobspec == nil {
		return err
	}
	spec := j.Jobspec.Clone()
	for _, u := range updates {
		if err := spec.SetAttr(u.Attr, u.Value); err != nil {
			return err
		}
	}
	j.Jobspec = spec
	return nil
}

// Update is one key of a jobspec-update event.
type Update struct {
	Path  string // as in the event: attributes.system.duration
	Attr  string // without the leading attributes.
	Value jsontext.Value
}

// ParseUpdates reads the context of a jobspec-update event, in the order of
// its paths. Only attributes may be updated.
func ParseUpdates(context []byte) ([]Update, error) {
	var m map[string]jsontext.Value
	if err := message.Unmarshal(context, &m); err != nil {
		return nil, err
	}
	out := make([]Update, 0, len(m))
	for path, v := range m {
		attr, ok := strings.CutPrefix(path, "attributes.")
		if !ok || attr == "" {
			return nil, fmt.Errorf("%s is not an attribute", path)
		}
		out = append(out, Update{path, attr, v})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Path < out[j].Path })
	return out, nil
}

// CurrentR is R with the newest expiration in it (RFC 41, flag current).
func (j *Job) CurrentR() jsontext.Value {
	if j.R == nil || j.Expiration == 0 {
		return j.R
	}
	var r map[string]jsontext.Value
	var exec map[string]jsontext.Value
	if message.Unmarshal(j.R, &r) != nil || message.Unmarshal(r["execution"], &exec) != nil {
		return j.R
	}
	exec["expiration"] = message.AppendFloat(nil, j.Expiration)
	b, err := message.Marshal(exec)
	if err != nil {
		return j.R
	}
	r["execution"] = b
	if b, err = message.Marshal(r); err != nil {
		return j.R
	}
	return b
}
