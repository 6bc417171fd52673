// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/constraint"
	"goflux/hostlist"
	"goflux/idset"
	"goflux/internal/core/job"
	"goflux/internal/message"
)

// subject is a job as constraints see it: its attributes.
type subject map[string]any

// matcher decides which jobs a listing shows. To hold a job to it costs cost
// comparisons at most.
type matcher struct {
	expr *constraint.Expr[subject]
	cost int
}

func (m matcher) matches(o map[string]any) bool { return m.expr == nil || m.expr.Match(o) }

// maxConstraintHosts bounds hostlist and ranks constraints: comparing costs
// their number for each job (RFC 43).
const maxConstraintHosts = 1024

// operators are the leaves of RFC 43, but for queue.
var operators = constraint.Operators[subject]{
	"userid": userLeaf, "name": stringLeaf,
	"states": maskLeaf, "results": maskLeaf, "hostlist": hostLeaf, "ranks": rankLeaf,
	"t_submit": timeLeaf, "t_depend": timeLeaf, "t_priority": timeLeaf, "t_sched": timeLeaf, "t_run": timeLeaf, "t_cleanup": timeLeaf, "t_inactive": timeLeaf,
}

// newMatcher reads a constraint. parent tells the parents of virtual queues,
// whose jobs are their parent's, too.
func newMatcher(raw jsontext.Value, parent func(queue string) string) (matcher, error) {
	if len(raw) == 0 || string(raw) == "{}" {
		return matcher{cost: 1}, nil
	}
	ops := maps.Clone(operators)
	ops["queue"] = queueLeaf(parent)
	e, err := constraint.ParseWith(raw, ops)
	if err != nil {
		return matcher{}, message.Errorf(syscall.EPROTO, "invalid payload: invalid constraint object: %v", err)
	}
	return matcher{e, leaves(e)}, nil
}

// leaves is how many operators there are that look at a job.
func leaves(e *constraint.Expr[subject]) int {
	if !e.IsLogical() {
		return 1
	}
	n := 0
	for _, arg := range e.Args() {
		n += leaves(arg)
	}
	return max(n, 1)
}

func userLeaf(_ string, values jsontext.Value) (constraint.Leaf[subject], error) {
	var ids []int64
	if err := message.Unmarshal(values, &ids); err != nil {
		return nil, fmt.Errorf("userid value must be an integer")
	}
	set := map[uint32]bool{}
	for _, id := range ids {
		set[uint32(id)] = true
	}
	any := set[message.UserUnknown]
	return func(s subject) bool { return any || set[uint32(number(s["userid"]))] }, nil
}

func stringLeaf(op string, values jsontext.Value) (constraint.Leaf[subject], error) {
	var list []string
	if err := message.Unmarshal(values, &list); err != nil {
		return nil, fmt.Errorf("%s value must be a string", op)
	}
	set := map[string]bool{}
	for _, v := range list {
		set[v] = true
	}
	return func(s subject) bool { v, ok := s[op].(string); return ok && set[v] }, nil
}

func queueLeaf(parent func(string) string) func(string, jsontext.Value) (constraint.Leaf[subject], error) {
	return func(op string, values jsontext.Value) (constraint.Leaf[subject], error) {
		own, err := stringLeaf(op, values)
		if err != nil {
			return nil, err
		}
		return func(s subject) bool {
			name, _ := s[op].(string)
			return own(s) || name != "" && own(subject{op: parent(name)})
		}, nil
	}
}

// maskLeaf is states and results: names, or masks.
func maskLeaf(op string, values jsontext.Value) (constraint.Leaf[subject], error) {
	var list []any
	if err := message.Unmarshal(values, &list); err != nil {
		return nil, fmt.Errorf("%s value invalid type", op)
	}
	mask := 0
	for _, v := range list {
		switch v := v.(type) {
		case string:
			bits, ok := maskOf(op, v)
			if !ok {
				return nil, fmt.Errorf("invalid %s value '%s' specified", op, v)
			}
			mask |= bits
		case int64:
			if limit := map[string]int{"states": 127, "results": 15}[op]; v < 0 || int(v)&^limit != 0 {
				return nil, fmt.Errorf("invalid %s value '%X' specified", op, int(v))
			}
			mask |= int(v)
		default:
			return nil, fmt.Errorf("%s value invalid type", op)
		}
	}
	key := strings.TrimSuffix(op, "s")
	return func(s subject) bool { return int(number(s[key]))&mask != 0 }, nil
}

func maskOf(op, name string) (int, bool) {
	if op == "states" {
		st, ok := job.ParseState(name)
		return int(st), ok
	}
	r, ok := job.ParseResult(name)
	return int(r), ok
}

func hostLeaf(op string, values jsontext.Value) (constraint.Leaf[subject], error) {
	var list []string
	if err := message.Unmarshal(values, &list); err != nil {
		return nil, fmt.Errorf("host value must be a string")
	}
	want := map[string]bool{}
	for _, v := range list {
		h, err := hostlist.Parse(v)
		if err != nil {
			return nil, fmt.Errorf("host value not in valid Hostlist format")
		}
		if h.Len() > maxConstraintHosts {
			return nil, fmt.Errorf("too many hosts specified")
		}
		for host := range h.All() {
			want[host] = true
		}
	}
	return func(s subject) bool {
		text, _ := s["nodelist"].(string)
		have, err := hostlist.Parse(text)
		if err != nil || text == "" {
			return false
		}
		for host := range have.All() {
			if want[host] {
				return true
			}
		}
		return false
	}, nil
}

func rankLeaf(op string, values jsontext.Value) (constraint.Leaf[subject], error) {
	var list []string
	if err := message.Unmarshal(values, &list); err != nil {
		return nil, fmt.Errorf("ranks value must be a string")
	}
	want := idset.New()
	for _, v := range list {
		s, err := idset.Parse(v)
		if err != nil {
			return nil, fmt.Errorf("ranks value '%s': %v", v, err)
		}
		want.AddSet(s)
	}
	if want.Len() > maxConstraintHosts {
		return nil, fmt.Errorf("too many ranks specified")
	}
	return func(s subject) bool {
		text, _ := s["ranks"].(string)
		have, err := idset.Parse(text)
		return err == nil && have.Intersects(want)
	}, nil
}

// timeLeaf compares a time of the job with one that has an operator before it.
func timeLeaf(op string, values jsontext.Value) (constraint.Leaf[subject], error) {
	var list []any
	if err := message.Unmarshal(values, &list); err != nil || len(list) == 0 {
		return nil, fmt.Errorf("timestamp value not specified")
	}
	text, ok := list[0].(string)
	if !ok {
		return nil, fmt.Errorf("%s value must be a string", op)
	}
	for _, cmp := range []string{">=", "<=", ">", "<"} {
		rest, ok := strings.CutPrefix(text, cmp)
		if !ok {
			continue
		}
		t, err := strconv.ParseFloat(rest, 64)
		if err != nil {
			return nil, fmt.Errorf("Invalid timestamp value specified")
		}
		if t < 0 {
			return nil, fmt.Errorf("timestamp value must be >= 0.0")
		}
		return func(s subject) bool {
			v := number(s[op])
			return v != 0 && (cmp == ">=" && v >= t || cmp == "<=" && v <= t || cmp == ">" && v > t || cmp == "<" && v < t)
		}, nil
	}
	return nil, fmt.Errorf("timestamp comparison operator not specified")
}

// number reads a number of a listing, whether it is live or was stored.
func number(v any) float64 {
	switch v := v.(type) {
	case float64:
		return v
	case int:
		return float64(v)
	case int64:
		return float64(v)
	case uint32:
		return float64(v)
	case uint64:
		return float64(v)
	}
	return 0
}
