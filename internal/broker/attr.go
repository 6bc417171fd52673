// SPDX-License-Identifier: LGPL-3.0-or-later

package broker

import (
	"fmt"
	"sort"
	"sync"
	"syscall"

	"goflux/internal/message"
)

// AttrFlag says how an attribute behaves (flux-broker-attributes(7)).
type AttrFlag uint8

// Attribute flags. Runtime attributes may be set by the owner at any time;
// Readonly ones may not be set on the command line either. Attributes that are
// neither may be set on the command line only.
const (
	AttrReadonly AttrFlag = 1 << iota
	AttrRuntime
	AttrConfig // overrides the configuration key of the same name
)

// attrImmutable is the flag of attr.get by which clients know that they may
// keep the value.
const attrImmutable = 1

// Attrs is the broker's attribute table. Its methods may be called from any
// goroutine.
type Attrs struct {
	mu    sync.RWMutex
	table map[string]*attr
}

type attr struct {
	value string
	unset bool
	flags AttrFlag
	check func(value string) error // for runtime changes; may act on them
}

// NewAttrs returns an empty table.
func NewAttrs() *Attrs { return &Attrs{table: map[string]*attr{}} }

// Define adds an attribute with a default unless it is there already, and sets
// how it behaves. check, when given, sees each change first and may refuse it.
func (a *Attrs) Define(name, value string, flags AttrFlag, check func(string) error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e := a.table[name]; e != nil {
		e.flags, e.check = flags, check
		return
	}
	a.table[name] = &attr{value: value, flags: flags, check: check}
}

// DefineUnset adds an attribute that is listed but has no value yet.
func (a *Attrs) DefineUnset(name string, flags AttrFlag) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e := a.table[name]; e != nil {
		e.flags = flags
		return
	}
	a.table[name] = &attr{unset: true, flags: flags}
}

// Get returns a value; false when there is none.
func (a *Attrs) Get(name string) (string, bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	e := a.table[name]
	if e == nil || e.unset {
		return "", false
	}
	return e.value, true
}

// Put sets a value for the broker's own part: no rule applies.
func (a *Attrs) Put(name, value string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e := a.table[name]; e != nil {
		e.value, e.unset = value, false
		return
	}
	a.table[name] = &attr{value: value}
}

// SetCommandLine sets a value given by -S. EINVAL for a read-only one.
func (a *Attrs) SetCommandLine(name, value string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.table[name]
	if e == nil {
		a.table[name] = &attr{value: value}
		return nil
	}
	if e.flags&AttrReadonly != 0 {
		return message.Errorf(syscall.EINVAL, "attribute %s is read-only", name)
	}
	if e.check != nil {
		if err := e.check(value); err != nil {
			return fmt.Errorf("attribute %s: %w", name, err)
		}
	}
	e.value, e.unset = value, false
	return nil
}

// Set changes a value for the owner at run time. ENOENT when there is no such
// attribute, EINVAL when it may not be updated.
func (a *Attrs) Set(name, value string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.table[name]
	if e == nil {
		a.table[name] = &attr{value: value, flags: AttrRuntime}
		return nil
	}
	if e.flags&AttrRuntime == 0 {
		return message.Errorf(syscall.EINVAL, "attribute may not be updated")
	}
	if e.check != nil {
		if err := e.check(value); err != nil {
			return err
		}
	}
	e.value, e.unset = value, false
	return nil
}

// Remove deletes an attribute that may be updated at run time. ENOENT, EPERM.
func (a *Attrs) Remove(name string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.table[name]
	if e == nil {
		return syscall.ENOENT
	}
	if e.flags&AttrRuntime == 0 {
		return syscall.EPERM
	}
	delete(a.table, name)
	return nil
}

// flagsOf returns attr.get's flags.
func (a *Attrs) flagsOf(name string) int {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if e := a.table[name]; e != nil && e.flags&AttrRuntime == 0 {
		return attrImmutable
	}
	return 0
}

// Names lists the attributes, sorted.
func (a *Attrs) Names() []string {
	a.mu.RLock()
	defer a.mu.RUnlock()
	names := make([]string, 0, len(a.table))
	for n := range a.table {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Immutable returns the attributes that do not change: what a module is
// welcomed with (RFC 5).
func (a *Attrs) Immutable() map[string]string {
	a.mu.RLock()
	defer a.mu.RUnlock()
	out := map[string]string{}
	for n, e := range a.table {
		if !e.unset && e.flags&AttrRuntime == 0 {
			out[n] = e.value
		}
	}
	return out
}
