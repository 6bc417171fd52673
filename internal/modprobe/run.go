// SPDX-License-Identifier: LGPL-3.0-or-later

package modprobe

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"syscall"

	"goflux/internal/message"
	"goflux/internal/rpc"
)

// ErrFailed says that tasks have failed, each of which has been reported.
var ErrFailed = errors.New("one or more tasks failed")

// run runs tasks in their order, those that may at the same time. After a
// failure no further ones are started.
func (m *Modprobe) run(ctx context.Context, o Order) error {
	waiting := map[string]names{} // what each task still waits for
	for name, before := range o {
		waiting[name] = names{}
		for _, b := range before {
			waiting[name][b] = true
		}
	}
	type result struct {
		name string
		err  error
	}
	done := make(chan result)
	running, failed := 0, false
	for {
		for _, name := range ready(waiting) {
			if failed {
				break
			}
			delete(waiting, name)
			running++
			go func() { done <- result{name, m.runTask(ctx, m.tasks[name])} }()
		}
		if running == 0 {
			break
		}
		r := <-done
		running--
		if r.err != nil {
			m.err(fmt.Sprintf("%s: %s", r.name, errorText(r.err)))
			failed = true
		}
		for _, w := range waiting {
			delete(w, r.name)
		}
	}
	switch {
	case failed:
		return ErrFailed
	case len(waiting) > 0:
		var stuck []string
		for name := range waiting {
			stuck = append(stuck, name)
		}
		sort.Strings(stuck)
		return fmt.Errorf("nodes are in a cycle: %s", strings.Join(stuck, ", "))
	}
	return nil
}

func ready(waiting map[string]names) []string {
	var list []string
	for name, before := range waiting {
		if len(before) == 0 {
			list = append(list, name)
		}
	}
	sort.Strings(list)
	return list
}

func errorText(err error) string {
	var num syscall.Errno
	if errors.As(err, &num) && error(num) == err {
		return message.ErrnoText(num)
	}
	return err.Error()
}

func (m *Modprobe) runTask(ctx context.Context, t *Task) error {
	switch {
	case m.dryRun:
		m.out(m.describe(t))
		return nil
	case !t.isModule():
		m.tell("start " + t.Name)
		defer m.tell("completed " + t.Name)
		return t.run(ctx, m)
	case t.remove:
		return m.removeModule(ctx, t)
	}
	return m.loadModule(ctx, t)
}

func (m *Modprobe) describe(t *Task) string {
	switch {
	case !t.isModule():
		return "run " + t.Name
	case t.remove:
		return "remove " + t.Name
	}
	return strings.Join(append([]string{"load " + t.Name}, m.argsOf(t)...), " ")
}

func (m *Modprobe) tell(text string) {
	if m.verbose {
		m.err(text)
	}
}

// loadModule loads a module. On followers, a service of the built-in table that
// is not there lives on the leader, where requests find it by themselves.
func (m *Modprobe) loadModule(ctx context.Context, t *Task) error {
	req := rpc.ModuleLoad{Path: t.Module, Args: m.argsOf(t), Exec: t.Exec}
	if t.Name != t.Module {
		req.Name = t.Name
	}
	err := m.inst.RPC(ctx, "module.load", req, nil)
	if errors.Is(err, syscall.ENOENT) && m.inst.Rank() != 0 && isBuiltin(t.Module) {
		return nil
	}
	if err == nil {
		m.tell("loaded " + t.Name)
	}
	return err
}

func (m *Modprobe) removeModule(ctx context.Context, t *Task) error {
	err := m.inst.RPC(ctx, "module.remove", rpc.ModuleRemove{Name: t.Name}, nil)
	if errors.Is(err, syscall.ENOENT) {
		return nil
	}
	if err == nil {
		m.tell("removed " + t.Name)
	}
	return err
}

// loaded returns the loaded modules that the tasks know, and the module of each
// service name.
func (m *Modprobe) loaded(ctx context.Context) (mods []string, byService map[string]string, err error) {
	var list rpc.ModuleList
	if err := m.inst.RPC(ctx, "module.list", nil, &list); err != nil {
		return nil, nil, fmt.Errorf("module.list: %w", err)
	}
	byService = map[string]string{}
	for _, mod := range list.Mods {
		if mod.Path == "builtin" {
			continue
		}
		if m.tasks[mod.Name] != nil {
			mods = append(mods, mod.Name)
		}
		for _, s := range mod.Services {
			byService[s] = mod.Name
		}
		byService[mod.Name] = mod.Name
	}
	sort.Strings(mods)
	return mods, byService, nil
}

// Load loads modules and what they require. EEXIST when all are loaded.
func (m *Modprobe) Load(ctx context.Context, modules []string) error {
	want, err := m.requirements(modules, true)
	if err != nil {
		return err
	}
	mods, _, err := m.loaded(ctx)
	if err != nil {
		return err
	}
	for _, name := range mods {
		delete(want, name)
	}
	if len(want) == 0 {
		return syscall.EEXIST
	}
	m.preferAll(want.sorted())
	o, err := m.order(want)
	if err != nil {
		return err
	}
	return m.run(ctx, o)
}

// preferAll makes modules the ones for what they provide.
func (m *Modprobe) preferAll(modules []string) {
	for _, name := range modules {
		if t := m.tasks[name]; t != nil {
			for _, s := range t.Provides {
				_ = m.SetAlternative(s, name) // it does provide it
			}
		}
	}
}

// Remove removes modules and what only they required; "all" is all.
func (m *Modprobe) Remove(ctx context.Context, modules []string) error {
	gone, err := m.removals(ctx, modules)
	if err != nil {
		return err
	}
	m.preferAll(gone)
	set := names{}
	for _, name := range gone {
		set[name] = true
	}
	o, err := m.order(set)
	if err != nil {
		return err
	}
	for name := range set {
		m.tasks[name].remove = true
	}
	return m.run(ctx, reverse(o))
}

// removals are the loaded modules of names, "all" being all, and what only they
// required.
func (m *Modprobe) removals(ctx context.Context, modules []string) ([]string, error) {
	mods, byService, err := m.loaded(ctx)
	if err != nil {
		return nil, err
	}
	wanted := mods
	if !has(modules, "all") {
		wanted = nil
		for _, name := range modules {
			mod := byService[name]
			if mod == "" {
				return nil, fmt.Errorf("module %s is not loaded", name)
			}
			if m.tasks[mod] == nil {
				return nil, fmt.Errorf("no such task or module %s", name)
			}
			wanted = append(wanted, mod)
		}
	}
	return m.removable(mods, wanted)
}

// reverse turns an order around.
func reverse(o Order) Order {
	r := Order{}
	for name := range o {
		r[name] = []string{}
	}
	for name, before := range o {
		for _, b := range before {
			r[b] = append(r[b], name)
		}
	}
	return r
}
