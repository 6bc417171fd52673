// SPDX-License-Identifier: LGPL-3.0-or-later

package policy

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"syscall"

	"goflux/fsd"
	"goflux/internal/message"
)

// badProperty are characters that RFC 20 does not allow in a property's name.
const badProperty = " \t!&'\"`|()"

// Parse reads [policy] and [queues] of a configuration. EINVAL, naming the
// table.
func Parse(conf map[string]any) (*Policy, error) {
	p := &Policy{}
	var err error
	if v, ok := conf["policy"]; ok {
		if p.general, err = parseRules(v, "policy"); err != nil {
			return nil, err
		}
	}
	if v, ok := conf["queues"]; ok {
		if err := p.parseQueues(v); err != nil {
			return nil, err
		}
	}
	if name, ok := p.general.defaults["queue"].(string); ok && p.queues[name] == nil {
		return nil, failed("policy.jobspec", "default queue '%s' is not configured", name)
	}
	return p, nil
}

func failed(table, format string, args ...any) error {
	return message.Errorf(syscall.EINVAL, "error parsing [%s] config table: %s", table, fmt.Sprintf(format, args...))
}

// parseQueues reads the queues, then puts what they inherit below what they say.
func (p *Policy) parseQueues(v any) error {
	t, err := tableOf(v, "queues")
	if err != nil {
		return err
	}
	p.queues = make(map[string]*queue, len(t.values))
	for name := range t.values {
		if p.queues[name], err = parseQueue(t.values[name], "queues."+name); err != nil {
			return err
		}
	}
	own := make(map[string]rules, len(p.queues))
	for name, q := range p.queues {
		own[name] = q.rules
	}
	for name, q := range p.queues {
		effective := p.general
		if q.parent != "" {
			parent := p.queues[q.parent]
			switch {
			case q.parent == name:
				return failed("queues."+name, "parent queue is itself")
			case parent == nil:
				return failed("queues."+name, "parent queue '%s' is not configured", q.parent)
			case parent.parent != "":
				return failed("queues."+name, "parent queue '%s' is itself a virtual queue", q.parent)
			}
			effective = effective.over(own[q.parent])
			q.requires = parent.requires
		}
		q.rules = effective.over(own[name])
	}
	return nil
}

func parseQueue(v any, name string) (*queue, error) {
	t, err := tableOf(v, name, "policy", "requires", "parent")
	if err != nil {
		return nil, err
	}
	q := &queue{}
	if v, ok := t.values["parent"]; ok {
		if q.parent, ok = v.(string); !ok {
			return nil, failed(name, "'parent' must be a string")
		}
	}
	if v, ok := t.values["policy"]; ok {
		if q.rules, err = parseRules(v, name+".policy"); err != nil {
			return nil, err
		}
		if q.rules.defaults["queue"] != nil {
			return nil, failed(name, "'policy' must not define a default queue!")
		}
		if policy, _ := v.(map[string]any); q.parent != "" && policy["scheduler"] != nil {
			return nil, failed(name, "a virtual queue must not set 'policy.scheduler'")
		}
	}
	if v, ok := t.values["requires"]; ok {
		if q.parent != "" {
			return nil, failed(name, "a virtual queue must not set 'requires'")
		}
		if q.requires, ok = stringsOf(v); !ok || slices.ContainsFunc(q.requires, badName) {
			return nil, failed(name, "'requires' must be an array of property strings (RFC 20)")
		}
	}
	return q, nil
}

func badName(s string) bool { return strings.ContainsAny(s, badProperty) }

// parseRules reads a policy table.
func parseRules(v any, name string) (rules, error) {
	r := rules{defaults: map[string]any{}, limits: map[string]float64{}}
	t, err := tableOf(v, name, "jobspec", "limits", "access", "scheduler")
	if err != nil {
		return r, err
	}
	for key, parse := range map[string]func(any, string) error{
		"jobspec": r.parseJobspec, "limits": r.parseLimits, "access": parseAccess,
	} {
		if v, ok := t.values[key]; ok {
			if err := parse(v, name+"."+key); err != nil {
				return r, err
			}
		}
	}
	return r, nil
}

func (r rules) parseJobspec(v any, name string) error {
	t, err := tableOf(v, name, "defaults")
	if err != nil {
		return err
	}
	defaults, err := t.table("defaults", "system")
	if err != nil {
		return err
	}
	system, err := defaults.table("system", "duration", "queue")
	if err != nil {
		return err
	}
	if v, ok := system.values["duration"]; ok {
		d, ok := seconds(v)
		if !ok {
			return failed(name, "'defaults.system.duration' is not a valid FSD")
		}
		r.defaults["duration"] = d
	}
	if v, ok := system.values["queue"]; ok {
		if r.defaults["queue"], ok = v.(string); !ok {
			return failed(name, "'defaults.system.queue' is not a string")
		}
	}
	return nil
}

func (r rules) parseLimits(v any, name string) error {
	t, err := tableOf(v, name, "job-size", "duration")
	if err != nil {
		return err
	}
	if v, ok := t.values["duration"]; ok {
		d, ok := seconds(v)
		if !ok {
			return failed(name, "'duration' is not a valid FSD")
		}
		if math.IsInf(d, 1) {
			d = 0
		}
		r.limits["duration"] = d
	}
	size, err := t.table("job-size", "min", "max")
	if err != nil {
		return err
	}
	for _, bound := range []string{"min", "max"} {
		b, err := size.table(bound, sizes...)
		if err != nil {
			return err
		}
		for key, v := range b.values {
			n, ok := v.(int64)
			if !ok {
				return failed(b.name, "'%s' is not an integer", key)
			}
			if n < unlimited {
				return failed(b.name, "values must be >= -1")
			}
			r.limits["job-size."+bound+"."+key] = float64(n)
		}
	}
	return nil
}

// parseAccess checks a table that other parts of the system act on.
func parseAccess(v any, name string) error {
	t, err := tableOf(v, name, "allow-user", "allow-group")
	if err != nil {
		return err
	}
	for key, v := range t.values {
		if _, ok := stringsOf(v); !ok {
			return failed(name, "'%s' must be a string array", key)
		}
	}
	return nil
}

// table is a table of the configuration, named for error messages.
type table struct {
	name   string
	values map[string]any
}

// tableOf takes v for a table with none but the known keys; any if none are given.
func tableOf(v any, name string, known ...string) (table, error) {
	values, ok := v.(map[string]any)
	if !ok {
		return table{}, failed(name, "not a table")
	}
	for key := range values {
		if len(known) > 0 && !slices.Contains(known, key) {
			return table{}, failed(name, "unknown key '%s'", key)
		}
	}
	return table{name, values}, nil
}

// table is the table at key, empty when it is not there.
func (t table) table(key string, known ...string) (table, error) {
	name := t.name + "." + key
	v, ok := t.values[key]
	if !ok {
		return table{name: name}, nil
	}
	return tableOf(v, name, known...)
}

// seconds reads a duration (RFC 23).
func seconds(v any) (float64, bool) {
	s, ok := v.(string)
	if !ok {
		return 0, false
	}
	d, err := fsd.ParseSeconds(s)
	return d, err == nil
}

func stringsOf(v any) ([]string, bool) {
	list, ok := v.([]any)
	if !ok {
		return nil, false
	}
	out := make([]string, 0, len(list))
	for _, e := range list {
		s, ok := e.(string)
		if !ok {
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}
