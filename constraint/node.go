// SPDX-License-Identifier: LGPL-3.0-or-later

package constraint

import (
	"cmp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/hostlist"
	"goflux/idset"
)

// Node is what a constraint on resources asks of an execution target.
type Node interface {
	Rank() uint32
	Host() string
	HasProperty(name string) bool
}

// NodeExpr is a constraint on execution targets.
type NodeExpr = Expr[Node]

// Parse parses a constraint on execution targets: and, or, not, properties,
// hostlist and ranks (RFC 31).
func Parse(raw []byte) (*NodeExpr, error) {
	hosts := &hostBudget{left: MaxHosts}
	return ParseWith(raw, Operators[Node]{
		"properties": propertiesLeaf,
		"hostlist":   hosts.leaf,
		"ranks":      ranksLeaf,
	})
}

// propertyIllegal are the characters no property may have (RFC 20), less "^",
// which denies a property here.
const propertyIllegal = "!&'\"`|()"

func propertiesLeaf(op string, values jsontext.Value) (Leaf[Node], error) {
	names, err := Strings(op, values)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if i := strings.IndexAny(name, propertyIllegal); i >= 0 {
			return nil, errorf("invalid character '%c' in property \"%s\"", name[i], name)
		}
	}
	return func(n Node) bool { return hasAll(n, names) }, nil
}

func hasAll(n Node, names []string) bool {
	for _, name := range names {
		denied, negate := strings.CutPrefix(name, "^")
		if n.HasProperty(denied) == negate {
			return false
		}
	}
	return true
}

// hostBudget is how many hosts one constraint may still name.
type hostBudget struct{ left int }

func (b *hostBudget) leaf(op string, values jsontext.Value) (Leaf[Node], error) {
	lists, err := Strings(op, values)
	if err != nil {
		return nil, err
	}
	hosts := map[string]bool{}
	for _, expr := range lists {
		list, err := hostlist.Parse(expr)
		if err != nil {
			return nil, errorf("invalid hostlist '%.64s' in constraint: %v", expr, err)
		}
		if b.left -= list.Len(); b.left < 0 {
			return nil, errorf("constraint names more than %d hosts", MaxHosts)
		}
		for host := range list.All() {
			hosts[host] = true
		}
	}
	return func(n Node) bool { return hosts[n.Host()] }, nil
}

func ranksLeaf(op string, values jsontext.Value) (Leaf[Node], error) {
	sets, err := Strings(op, values)
	if err != nil {
		return nil, err
	}
	var runs []idset.Range
	for _, s := range sets {
		set, err := idset.Parse(s)
		if err != nil {
			return nil, errorf("invalid idset '%.64s' in constraint: %v", s, err)
		}
		runs = slices.AppendSeq(runs, set.Ranges())
	}
	// Added in ascending order, each costs the same.
	slices.SortFunc(runs, func(a, b idset.Range) int { return cmp.Compare(a.Lo, b.Lo) })
	ranks := idset.New()
	for _, run := range runs {
		ranks.AddRange(run.Lo, run.Hi)
	}
	return func(n Node) bool { return ranks.Contains(n.Rank()) }, nil
}
