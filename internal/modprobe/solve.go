// SPDX-License-Identifier: LGPL-3.0-or-later

package modprobe

import (
	"fmt"
	"sort"
	"strings"
)

// names is a set of tasks by name.
type names map[string]bool

func (n names) sorted() []string {
	list := make([]string, 0, len(n))
	for name := range n {
		list = append(list, name)
	}
	sort.Strings(list)
	return list
}

// activeTasks returns the active tasks that are enabled and have what they
// need.
func (m *Modprobe) activeTasks() (names, error) {
	set := names{}
	for _, name := range m.active {
		t, err := m.Get(name)
		if err != nil {
			return nil, err
		}
		if m.enabled(t) {
			set[t.Name] = true
		}
	}
	return m.dropNeedy(set), nil
}

// dropNeedy takes out, over and over, the tasks that need what is not there.
func (m *Modprobe) dropNeedy(set names) names {
	for again := true; again; {
		again = false
		for name := range set {
			for _, need := range m.tasks[name].Needs {
				if !m.provided(set, need) {
					delete(set, name)
					again = true
					break
				}
			}
		}
	}
	return set
}

func (m *Modprobe) provided(set names, service string) bool {
	for name := range set {
		if t := m.tasks[name]; !t.Disabled && t.provides(service) {
			return true
		}
	}
	return false
}

// requirements returns the tasks for the names and all that they require.
// Disabled ones are left out, unless disabled ones are wanted.
func (m *Modprobe) requirements(wanted []string, disabledToo bool) (names, error) {
	result, visited := names{}, names{}
	var visit func(name string) error
	visit = func(name string) error {
		t, err := m.Resolve(name, disabledToo)
		if err != nil {
			return err
		}
		if visited[t.Name] {
			return nil
		}
		visited[t.Name] = true
		if disabledToo || m.enabled(t) {
			result[t.Name] = true
		}
		for _, r := range t.Requires {
			if err := visit(r); err != nil {
				return err
			}
		}
		return nil
	}
	for _, name := range wanted {
		if err := visit(name); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// Order is, for each task, those that come before it.
type Order map[string][]string

// order builds the order of a set of tasks from their Before and After.
func (m *Modprobe) order(set names) (Order, error) {
	o := Order{}
	for name := range set {
		o[name] = []string{}
	}
	for _, name := range set.sorted() {
		t := m.tasks[name]
		if err := m.addAfter(o, t); err != nil {
			return nil, err
		}
		if err := m.addBefore(o, t); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func (m *Modprobe) addAfter(o Order, t *Task) error {
	for _, after := range t.After {
		if after == "*" {
			for other := range o {
				if !has(m.tasks[other].After, "*") {
					o[t.Name] = append(o[t.Name], other)
				}
			}
			continue
		}
		p, err := m.inOrder(o, after)
		if err != nil {
			return err
		}
		if p != "" && p != t.Name {
			o[t.Name] = append(o[t.Name], p)
		}
	}
	return nil
}

func (m *Modprobe) addBefore(o Order, t *Task) error {
	for _, before := range t.Before {
		if before == "*" {
			for other := range o {
				if !has(m.tasks[other].Before, "*") {
					o[other] = append(o[other], t.Name)
				}
			}
			continue
		}
		s, err := m.inOrder(o, before)
		if err != nil {
			return err
		}
		if s != "" && s != t.Name {
			o[s] = append(o[s], t.Name)
		}
	}
	return nil
}

// inOrder returns the task of the order that answers to a name, "" for none.
func (m *Modprobe) inOrder(o Order, name string) (string, error) {
	t, err := m.Resolve(name, false)
	if err != nil {
		return "", err
	}
	if _, ok := o[t.Name]; ok {
		return t.Name, nil
	}
	for other := range o {
		if m.tasks[other].provides(name) {
			return other, nil
		}
	}
	return "", nil
}

// removable returns the loaded modules that can go when those of names go:
// them, and what nobody else requires. An error names who still uses one.
func (m *Modprobe) removable(loaded, wanted []string) ([]string, error) {
	users := map[string]names{} // by module, the loaded ones that require it
	requires := map[string][]string{}
	for _, name := range loaded {
		for _, r := range m.tasks[name].Requires {
			for _, other := range loaded {
				if m.tasks[other].provides(r) {
					if users[other] == nil {
						users[other] = names{}
					}
					users[other][name] = true
					requires[name] = append(requires[name], other)
				}
			}
		}
	}
	gone := names{}
	for _, name := range wanted {
		gone[name] = true
	}
	result := append([]string(nil), wanted...)
	for i := 0; i < len(result); i++ {
		for _, dep := range requires[result[i]] {
			if !gone[dep] && len(remaining(users[dep], gone)) == 0 {
				gone[dep] = true
				result = append(result, dep)
			}
		}
	}
	for _, name := range result {
		if left := remaining(users[name], gone); len(left) > 0 {
			return nil, fmt.Errorf("%s still in use by %s", name, strings.Join(left, ", "))
		}
	}
	return result, nil
}

func remaining(users, gone names) []string {
	left := names{}
	for u := range users {
		if !gone[u] {
			left[u] = true
		}
	}
	return left.sorted()
}
