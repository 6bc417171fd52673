// SPDX-License-Identifier: LGPL-3.0-or-later

package modprobe

import (
	"context"
	"fmt"
	"sort"
	"sync"

	"goflux/internal/config"
)

// Instance is the broker that modules are loaded into.
type Instance interface {
	Rank() uint32
	Attr(name string) (string, bool)
	Config() config.Table
	// Getenv looks in this process's environment and then in the broker's.
	Getenv(name string) (string, bool)
	// Environ is the environment of the commands that tasks run.
	Environ() []string
	// RPC calls a service of this broker, or of the nearest upstream.
	RPC(ctx context.Context, topic string, req, resp any) error
}

// Modprobe is a set of tasks over an instance.
type Modprobe struct {
	inst   Instance
	out    func(line string) // what tasks print
	err    func(line string) // what went wrong
	tasks  map[string]*Task
	active []string
	runner *runner // of the tasks in rc files; nil for none

	argsMu sync.Mutex          // tasks run at the same time
	args   map[string][]string // added to modules' own by tasks
	alone  map[string]bool     // those replace the module's own
	forced map[string]bool

	dryRun, verbose bool
}

// Options say what to do besides what is asked for. Out and Err are called one
// at a time.
type Options struct {
	Out     func(line string) // takes what tasks print
	Err     func(line string) // takes what went wrong, and what Verbose tells
	DryRun  bool              // print what would be done
	Verbose bool              // tell of tasks and of where files are looked for
}

// New returns the tasks of the built-in table, changed by the files in the
// search path and by the [modules] table of the configuration.
func New(inst Instance, o Options) (*Modprobe, error) {
	var mu sync.Mutex // tasks run at the same time
	oneByOne := func(take func(string)) func(string) {
		return func(line string) {
			mu.Lock()
			defer mu.Unlock()
			take(line)
		}
	}
	m := &Modprobe{
		inst: inst, out: oneByOne(o.Out), err: oneByOne(o.Err), dryRun: o.DryRun, verbose: o.Verbose, tasks: map[string]*Task{},
		args: map[string][]string{}, alone: map[string]bool{}, forced: map[string]bool{},
	}
	for _, t := range builtin() {
		m.add(t)
	}
	if err := m.readFiles(); err != nil {
		return nil, err
	}
	return m, m.readConfig()
}

func (m *Modprobe) add(t *Task) {
	t.index = len(m.tasks)
	m.tasks[t.Name] = t
}

// addActive adds a task and makes it active.
func (m *Modprobe) addActive(t *Task) {
	if m.tasks[t.Name] == nil {
		m.add(t)
	}
	m.active = append(m.active, t.Name)
}

// candidates returns the tasks that answer to a name, the best last.
func (m *Modprobe) candidates(name string) []*Task {
	var list []*Task
	for _, t := range m.tasks {
		if t.provides(name) {
			list = append(list, t)
		}
	}
	sort.Slice(list, func(i, j int) bool {
		if list[i].Priority != list[j].Priority {
			return list[i].Priority < list[j].Priority
		}
		return list[i].index < list[j].index
	})
	return list
}

// Get returns the best task for a name that is not disabled, or else the best.
func (m *Modprobe) Get(name string) (*Task, error) {
	list := m.candidates(name)
	if len(list) == 0 {
		return nil, fmt.Errorf("no such task or module %s", name)
	}
	for i := len(list) - 1; i >= 0; i-- {
		if !list[i].Disabled {
			return list[i], nil
		}
	}
	return list[len(list)-1], nil
}

// Resolve returns the task that would be used for a name: the best that is
// enabled and has, unless needs do not count, what it needs.
func (m *Modprobe) Resolve(name string, ignoreNeeds bool) (*Task, error) {
	list := m.candidates(name)
	if len(list) == 0 {
		return nil, fmt.Errorf("no such task or module %s", name)
	}
	for i := len(list) - 1; i >= 0; i-- {
		if m.enabled(list[i]) && (ignoreNeeds || m.satisfied(list[i], map[string]bool{})) {
			return list[i], nil
		}
	}
	return list[len(list)-1], nil
}

// satisfied tells whether what a task needs can be had. A circle cannot.
func (m *Modprobe) satisfied(t *Task, checking map[string]bool) bool {
	if checking[t.Name] {
		return false
	}
	checking[t.Name] = true
	for _, need := range t.Needs {
		ok := false
		for _, c := range m.candidates(need) {
			if m.enabled(c) && !checking[c.Name] && m.satisfied(c, checking) {
				ok = true
				break
			}
		}
		if !ok {
			return false
		}
	}
	return true
}

// SetAlternative makes a module the one for a service.
func (m *Modprobe) SetAlternative(service, name string) error {
	list := m.candidates(service)
	if len(list) == 0 {
		return fmt.Errorf("no such service %s", service)
	}
	t := m.tasks[name]
	if t == nil || !t.provides(service) {
		return fmt.Errorf("no module %s provides %s", name, service)
	}
	if best := list[len(list)-1]; best != t {
		t.Priority = best.Priority + 1
	}
	return nil
}

// Disable disables all tasks that answer to a name.
func (m *Modprobe) Disable(name string) error {
	list := m.candidates(name)
	if len(list) == 0 {
		return fmt.Errorf("no such module or task '%s'", name)
	}
	for _, t := range list {
		t.Disabled = true
	}
	return nil
}

// activate makes modules active, with what they require.
func (m *Modprobe) activate(names ...string) error {
	for _, name := range names {
		t, err := m.Get(name)
		if err != nil {
			return err
		}
		if !t.isModule() {
			return fmt.Errorf("%s is not a module", name)
		}
		m.active = append(m.active, name)
		m.active = append(m.active, t.Requires...)
	}
	return nil
}

// addArgs gives a module more arguments; alone, instead of its own.
func (m *Modprobe) addArgs(module string, alone bool, args ...string) {
	m.argsMu.Lock()
	defer m.argsMu.Unlock()
	m.args[module] = append(m.args[module], args...)
	if alone {
		m.alone[module] = true
	}
}

func (m *Modprobe) argsOf(t *Task) []string {
	m.argsMu.Lock()
	defer m.argsMu.Unlock()
	args := []string{}
	if !m.alone[t.Name] {
		args = append(args, t.Args...)
	}
	for _, name := range append([]string{t.Name}, t.Provides...) {
		args = append(args, m.args[name]...)
	}
	return args
}
