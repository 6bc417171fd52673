// SPDX-License-Identifier: LGPL-3.0-or-later

package modprobe

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"goflux/idset"
	"goflux/internal/config"
)

// defaultPriority is the priority of a module that tells none.
const defaultPriority = 100

// Task is something to be done in its order: a module to be loaded or removed,
// or a function.
type Task struct {
	Name     string
	Ranks    Ranks
	Provides []string // names of services by which it may be asked for
	Requires []string // what becomes active with it
	Needs    []string // what must be active for it to be
	Before   []string // "*" is before all others
	After    []string // "*" is after all others
	// NeedsAttrs, NeedsConfig and NeedsEnv must be set; with "!" in front, unset.
	NeedsAttrs  []string
	NeedsConfig []string
	NeedsEnv    []string
	Priority    int64
	Disabled    bool

	// Of a module: what to load, with which arguments, in its own process.
	Module string
	Args   []string
	Exec   bool
	remove bool

	run   func(ctx context.Context, m *Modprobe) error
	index int // order of appearance: the later wins among equals
}

// isModule tells whether the task is about a module.
func (t *Task) isModule() bool { return t.run == nil }

// Ranks are the ranks that a task is for: all, an idset, <N or >N.
type Ranks struct {
	text string
	set  *idset.Set // nil for the others
	cmp  byte       // '<' or '>'
	n    uint32
}

// ParseRanks parses the text of ranks; "" is all.
func ParseRanks(text string) (Ranks, error) {
	r := Ranks{text: text}
	switch {
	case text == "" || text == "all":
		r.text = "all"
	case text[0] == '<' || text[0] == '>':
		n, err := strconv.ParseUint(text[1:], 10, 32)
		if err != nil {
			return r, fmt.Errorf("ranks: %q is not a condition", text)
		}
		r.cmp, r.n = text[0], uint32(n)
	default:
		var err error
		if r.set, err = idset.Parse(text); err != nil {
			return r, fmt.Errorf("ranks: invalid idset: %s", text)
		}
	}
	return r, nil
}

func (r Ranks) String() string { return r.text }

// Contains tells whether rank is one of them.
func (r Ranks) Contains(rank uint32) bool {
	switch {
	case r.cmp == '<':
		return rank < r.n
	case r.cmp == '>':
		return rank > r.n
	case r.set != nil:
		return r.set.Contains(rank)
	}
	return true
}

func has(list []string, name string) bool {
	for _, s := range list {
		if s == name {
			return true
		}
	}
	return false
}

// provides tells whether a task answers to a name.
func (t *Task) provides(name string) bool { return t.Name == name || has(t.Provides, name) }

// enabled tells whether a task is to run here.
func (m *Modprobe) enabled(t *Task) bool {
	if m.forced[t.Name] {
		return true
	}
	if t.Disabled || !t.Ranks.Contains(m.inst.Rank()) {
		return false
	}
	attr := func(name string) bool { _, ok := m.inst.Attr(name); return ok }
	conf := func(name string) bool { _, ok := config.Lookup(m.inst.Config(), name); return ok }
	env := func(name string) bool { _, ok := m.inst.Getenv(name); return ok }
	return holds(t.NeedsAttrs, attr) && holds(t.NeedsConfig, conf) && holds(t.NeedsEnv, env)
}

func holds(specs []string, isSet func(string) bool) bool {
	for _, s := range specs {
		name, inverted := strings.CutPrefix(s, "!")
		if isSet(name) == inverted {
			return false
		}
	}
	return true
}

// Describe returns what is known of a module, by the keys of its table.
func (t *Task) Describe() map[string]any {
	list := func(l []string) []string { return append([]string{}, l...) }
	return map[string]any{
		"name": t.Name, "module": t.Module, "args": list(t.Args), "exec": t.Exec, "ranks": t.Ranks.String(),
		"provides": list(t.Provides), "requires": list(t.Requires), "needs": list(t.Needs),
		"before": list(t.Before), "after": list(t.After), "needs-attrs": list(t.NeedsAttrs),
		"needs-config": list(t.NeedsConfig), "needs-env": list(t.NeedsEnv),
		"priority": t.Priority, "disabled": t.Disabled,
	}
}
