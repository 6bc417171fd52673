// SPDX-License-Identifier: LGPL-3.0-or-later

package jobspec

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Resource is one vertex of the resource graph (RFC 14).
type Resource struct {
	Type  string // "node", "slot", "core", "gpu", or any other
	Count Count
	// Exclusive is nil where the jobspec does not say.
	Exclusive *bool
	Label     string // of a slot, by which tasks name it
	Unit      string
	ID        string
	With      []Resource
}

// IsExclusive reports whether the vertex says exclusive: true.
func (r *Resource) IsExclusive() bool { return r.Exclusive != nil && *r.Exclusive }

// ParseResources reads the resources of a jobspec: the list, or an object that
// has it as its member "resources".
func ParseResources(raw jsontext.Value) ([]Resource, error) {
	if raw.Kind() == jsontext.KindBeginObject {
		var whole struct {
			Resources jsontext.Value `json:"resources"`
		}
		if err := json.Unmarshal(raw, &whole); err != nil {
			return nil, errorf("", "Expecting valid JSON: %v", err)
		}
		raw = whole.Resources
	}
	if !raw.IsValid() {
		return nil, errorf("", "Expecting a JSON list of resources")
	}
	return decodeResources(raw)
}

func decodeResources(raw jsontext.Value) ([]Resource, error) {
	if len(raw) > MaxResourcesBytes {
		return nil, errorf("resources", "%d bytes exceed limit of %d", len(raw), MaxResourcesBytes)
	}
	d := vertexDecoder{}
	return d.list(raw, "resources", 1)
}

// vertexDecoder counts vertices across the whole graph.
type vertexDecoder struct{ seen int }

func (d *vertexDecoder) list(raw jsontext.Value, path string, depth int) ([]Resource, error) {
	if depth > MaxDepth {
		return nil, errorf(path, "resource nesting exceeds limit of %d", MaxDepth)
	}
	items, err := elements(raw, path)
	if err != nil {
		return nil, err
	}
	out := make([]Resource, 0, len(items))
	for i, item := range items {
		r, err := d.vertex(item, fmt.Sprintf("%s[%d]", path, i), depth)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func (d *vertexDecoder) vertex(raw jsontext.Value, path string, depth int) (r Resource, err error) {
	if d.seen++; d.seen > MaxVertices {
		return r, errorf(path, "more than %d resources", MaxVertices)
	}
	fields, err := members(raw, path)
	if err != nil {
		return r, err
	}
	var count jsontext.Value
	for _, f := range fields {
		at := path + "." + f.name
		switch f.name {
		case "type":
			r.Type, err = decodeString(f.value, at)
		case "count":
			count = f.value
		case "unit":
			r.Unit, err = decodeString(f.value, at)
		case "label":
			r.Label, err = decodeString(f.value, at)
		case "id":
			r.ID, err = decodeString(f.value, at)
		case "exclusive":
			var x bool
			x, err = decodeBool(f.value, at)
			r.Exclusive = &x
		case "with":
			r.With, err = d.list(f.value, at, depth+1)
		}
		if err != nil {
			return r, err
		}
	}
	switch {
	case r.Type == "":
		return r, errorf(path, "type is a required key for resources")
	case count == nil:
		return r, errorf(path, "count is a required key for resources")
	case r.Type == "slot" && r.Label == "":
		return r, errorf(path, "slots must have labels")
	}
	// What counts may be depends on the type, so it comes last.
	r.Count, err = decodeCount(count, path+".count", r.Type)
	return r, err
}

// append writes the vertex with its keys in the order Flux writes them.
func (r *Resource) append(dst []byte) []byte {
	dst = quote(append(dst, `{"type":`...), r.Type)
	count, _ := r.Count.MarshalJSON()
	dst = append(append(dst, `,"count":`...), count...)
	if r.Exclusive != nil {
		dst = fmt.Appendf(dst, `,"exclusive":%t`, *r.Exclusive)
	}
	for _, s := range []struct{ key, value string }{{"unit", r.Unit}, {"id", r.ID}} {
		if s.value != "" {
			dst = quote(append(append(append(dst, `,"`...), s.key...), `":`...), s.value)
		}
	}
	if len(r.With) > 0 {
		dst = appendResources(append(dst, `,"with":`...), r.With)
	}
	if r.Label != "" {
		dst = quote(append(dst, `,"label":`...), r.Label)
	}
	return append(dst, '}')
}

func appendResources(dst []byte, list []Resource) []byte {
	dst = append(dst, '[')
	for i := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = list[i].append(dst)
	}
	return append(dst, ']')
}
