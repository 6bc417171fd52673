// SPDX-License-Identifier: LGPL-3.0-or-later

package policy

import (
	"maps"
	"slices"
	"sort"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/internal/message"
	"goflux/jobspec"
)

// Policy is the policy of an instance. The zero value allows everything.
type Policy struct {
	general rules
	queues  map[string]*queue
}

type queue struct {
	parent   string
	requires []string // the parent's for a virtual queue
	rules    rules    // with the general policy and the parent's below them
}

// rules are defaults by attribute below system, and limits by the key below
// policy.limits: seconds for the duration, counts for the others.
type rules struct {
	defaults map[string]any
	limits   map[string]float64
}

// over returns r with what other says on top.
func (r rules) over(other rules) rules {
	out := rules{defaults: maps.Clone(r.defaults), limits: maps.Clone(r.limits)}
	if out.defaults == nil {
		out.defaults, out.limits = map[string]any{}, map[string]float64{}
	}
	maps.Copy(out.defaults, other.defaults)
	maps.Copy(out.limits, other.limits)
	return out
}

// Queues are the names of the queues, sorted; none when there is only the
// anonymous queue.
func (p *Policy) Queues() []string {
	names := slices.Collect(maps.Keys(p.queues))
	sort.Strings(names)
	return names
}

// Parent is the queue whose resources a virtual queue shares, "" for others.
func (p *Policy) Parent(name string) string {
	if q := p.queues[name]; q != nil {
		return q.parent
	}
	return ""
}

// Requires are the properties that a queue's resources have.
func (p *Policy) Requires(name string) []string {
	if q := p.queues[name]; q != nil {
		return q.requires
	}
	return nil
}

// Fills reports whether a configuration calls for requests to be filled in:
// there are queues or defaults.
func Fills(conf map[string]any) bool {
	policy, _ := conf["policy"].(map[string]any)
	jobspec, _ := policy["jobspec"].(map[string]any)
	return conf["queues"] != nil || jobspec["defaults"] != nil
}

// errQueue refuses a queue. That it is EPERM is what clients know it by.
func errQueue(name string) error {
	return message.Errorf(syscall.EPERM, "Invalid queue '%s' specified", name)
}

// Defaults fills in what the request does not say: the queue, and then what
// that queue has defaults for. EPERM when the queue is not there, or there are
// queues and the request is for none.
func (p *Policy) Defaults(spec *jobspec.Jobspec) error {
	name := spec.Queue()
	if name == "" {
		name, _ = p.general.defaults["queue"].(string)
	}
	of := p.general
	switch q := p.queues[name]; {
	case len(p.queues) == 0:
	case name == "":
		return message.Errorf(syscall.EPERM, "no queue specified")
	case q == nil:
		return errQueue(name)
	default:
		of = q.rules
	}
	for attr, v := range of.defaults {
		if spec.Attr("system."+attr) != nil && !(attr == "duration" && spec.Duration() == 0) {
			continue
		}
		raw, err := message.Marshal(v)
		if err == nil {
			err = spec.SetAttr("system."+attr, raw)
		}
		if err != nil {
			return message.Errorf(syscall.EINVAL, "%v", err)
		}
	}
	return nil
}

// Constrain adds to the request's constraints (RFC 31) the properties that its
// queue's resources have.
func (p *Policy) Constrain(spec *jobspec.Jobspec) error {
	name := spec.Queue()
	if name == "" {
		return nil
	}
	q := p.queues[name]
	if q == nil {
		return errQueue(name)
	}
	if q.requires == nil {
		return nil
	}
	raw, err := constrained(spec.Constraints(), q.requires)
	if err == nil {
		err = spec.SetAttr("system.constraints", raw)
	}
	if err != nil {
		return message.Errorf(syscall.EINVAL, "%v", err)
	}
	return nil
}

// constrained is "old and properties".
func constrained(old jsontext.Value, properties []string) (jsontext.Value, error) {
	if old == nil {
		return message.Marshal(map[string]any{"properties": properties})
	}
	var ops map[string]jsontext.Value
	if err := message.Unmarshal(old, &ops); err != nil {
		return nil, err
	}
	raw, ok := ops["properties"]
	if !ok {
		return message.Marshal(map[string]any{"and": []any{old, map[string]any{"properties": properties}}})
	}
	var have []string
	if err := message.Unmarshal(raw, &have); err != nil {
		return nil, err
	}
	for _, prop := range properties {
		if !slices.Contains(have, prop) {
			have = append(have, prop)
		}
	}
	raw, err := message.Marshal(have)
	if err != nil {
		return nil, err
	}
	ops["properties"] = raw
	return message.Marshal(ops)
}
