// SPDX-License-Identifier: LGPL-3.0-or-later

package jobspec

import (
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// Task describes the tasks to run on one task slot (RFC 14).
type Task struct {
	Command      []string
	Slot         string // the label of a slot
	Count        TaskCount
	Distribution string
	Attributes   jsontext.Value // object, or nil
}

// TaskCount is how many tasks run. Exactly one way of counting is set.
type TaskCount struct {
	PerSlot     int64
	Total       int64
	PerResource *PerResource
}

// PerResource counts tasks by the resources of a type in the slot.
type PerResource struct {
	Type  string
	Count int64
}

func decodeTasks(raw jsontext.Value) ([]Task, error) {
	items, err := elements(raw, "tasks")
	if err != nil {
		return nil, err
	}
	out := make([]Task, 0, len(items))
	for i, item := range items {
		t, err := decodeTask(item, fmt.Sprintf("tasks[%d]", i))
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

func decodeTask(raw jsontext.Value, path string) (t Task, err error) {
	fields, err := members(raw, path)
	if err != nil {
		return t, err
	}
	seen := map[string]bool{}
	for _, f := range fields {
		seen[f.name] = true
		at := path + "." + f.name
		switch f.name {
		case "command":
			t.Command, err = decodeCommand(f.value, at)
		case "slot":
			t.Slot, err = decodeString(f.value, at)
		case "count":
			t.Count, err = decodeTaskCount(f.value, at)
		case "distribution":
			t.Distribution, err = decodeString(f.value, at)
		case "attributes":
			t.Attributes = f.value
			_, err = members(f.value, at)
		}
		if err != nil {
			return t, err
		}
	}
	for _, key := range []string{"command", "slot", "count"} {
		if !seen[key] {
			return t, errorf(path, "Missing key (%s)", key)
		}
	}
	return t, nil
}

func decodeCommand(raw jsontext.Value, path string) ([]string, error) {
	if raw.Kind() != jsontext.KindBeginArray {
		return nil, errorf(path, "command must be a list of strings")
	}
	args, err := elements(raw, path)
	if err != nil {
		return nil, err
	}
	if len(args) == 0 {
		return nil, errorf(path, "command array cannot have length of zero")
	}
	out := make([]string, len(args))
	for i, arg := range args {
		if out[i], err = decodeString(arg, fmt.Sprintf("%s[%d]", path, i)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func decodeTaskCount(raw jsontext.Value, path string) (c TaskCount, err error) {
	fields, err := members(raw, path)
	if err != nil {
		return c, err
	}
	if len(fields) != 1 {
		return c, errorf(path, "count must have exactly one key set")
	}
	f := fields[0]
	at := path + "." + f.name
	switch f.name {
	case "per_slot":
		c.PerSlot, err = decodePositive(f.value, at)
	case "total":
		c.Total, err = decodePositive(f.value, at)
	case "per_resource":
		c.PerResource, err = decodePerResource(f.value, at)
	default:
		err = errorf(path, "per_slot, per_resource, or total must be set")
	}
	return c, err
}

func decodePerResource(raw jsontext.Value, path string) (*PerResource, error) {
	fields, err := members(raw, path)
	if err != nil {
		return nil, err
	}
	p := &PerResource{}
	for _, f := range fields {
		switch f.name {
		case "type":
			p.Type, err = decodeString(f.value, path+".type")
		case "count":
			p.Count, err = decodePositive(f.value, path+".count")
		}
		if err != nil {
			return nil, err
		}
	}
	if p.Type == "" || p.Count == 0 {
		return nil, errorf(path, "must have type and count")
	}
	return p, nil
}

// decodePositive reads a count of tasks.
func decodePositive(raw jsontext.Value, path string) (int64, error) {
	n, err := decodeInt(raw, path)
	switch {
	case err != nil:
		return 0, err
	case n < 1:
		return 0, errorf(path, "must be > 0")
	case n > MaxCount:
		return 0, errorf(path, "exceeds the maximum of %d", MaxCount)
	}
	return n, nil
}

func (t *Task) append(dst []byte) []byte {
	dst = append(dst, `{"command":[`...)
	for i, arg := range t.Command {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = quote(dst, arg)
	}
	dst = quote(append(dst, `],"slot":`...), t.Slot)
	if t.Count.Total > 0 {
		return fmt.Appendf(dst, `,"count":{"total":%d}}`, t.Count.Total)
	}
	return fmt.Appendf(dst, `,"count":{"per_slot":%d}}`, t.Count.PerSlot)
}
