// SPDX-License-Identifier: LGPL-3.0-or-later

package broker

import (
	"sort"
	"sync"
	"syscall"

	"goflux/internal/message"
)

// Attrs is the broker's attribute table. Its methods may be called from any
// goroutine.
type Attrs struct {
	mu     sync.RWMutex
	table  map[string]*attr
	checks map[string]func(value string) error
}

// attr is an attribute that has been set; unset is listed without a value.
type attr struct {
	value string
	unset bool
}

// NewAttrs returns an empty table.
func NewAttrs() *Attrs {
	return &Attrs{table: map[string]*attr{}, checks: map[string]func(string) error{}}
}

// Check has each update of name by a user seen first by check, which may
// refuse it, or act on it.
func (a *Attrs) Check(name string, check func(value string) error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.checks[name] = check
}

// Default sets a value unless there is one.
func (a *Attrs) Default(name, value string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.table[name] == nil {
		a.table[name] = &attr{value: value}
	}
}

// PutUnset lists an attribute that has no value.
func (a *Attrs) PutUnset(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.table[name] == nil {
		a.table[name] = &attr{unset: true}
	}
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
	a.table[name] = &attr{value: value}
}

// Delete drops an attribute for the broker's own part.
func (a *Attrs) Delete(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.table, name)
}

// SetCommandLine sets a value given by -S. ENOENT for an attribute that there
// is not, EINVAL for a read-only one.
func (a *Attrs) SetCommandLine(name, value string) error {
	rule, ok := ruleOf(name)
	if !ok {
		return message.Errorf(syscall.ENOENT, "%s: unknown attribute", name)
	}
	if rule&AttrReadonly != 0 {
		return message.Errorf(syscall.EINVAL, "%s: attribute may not be set on the command line", name)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.table[name] = &attr{value: value}
	return nil
}

// MaySet tells whether the owner may set name now: ENOENT for one that there
// is not, EINVAL for one that is set and not to be updated, which force
// overrides unless its value is one that clients keep (EPERM).
func (a *Attrs) MaySet(name string, force bool) error {
	rule, ok := ruleOf(name)
	if !ok {
		return message.Errorf(syscall.ENOENT, "unknown attribute")
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.table[name] == nil {
		return nil
	}
	switch {
	case rule&AttrRuntime == 0 && !force:
		return message.Errorf(syscall.EINVAL, "attribute may not be updated")
	case rule&AttrImmutable != 0:
		return syscall.EPERM
	}
	return nil
}

// Set changes a value for the owner at run time, within what [Attrs.MaySet]
// allows. A check that refuses it gives the error, unless forced.
func (a *Attrs) Set(name, value string, force bool) error {
	if err := a.MaySet(name, force); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if check := a.checks[name]; check != nil && !force {
		if err := check(value); err != nil {
			return err
		}
	}
	a.table[name] = &attr{value: value}
	return nil
}

// Remove deletes an attribute, if it is there. EPERM for one that clients keep.
func (a *Attrs) Remove(name string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.table[name] == nil {
		return nil
	}
	if rule, _ := ruleOf(name); rule&AttrImmutable != 0 {
		return syscall.EPERM
	}
	delete(a.table, name)
	return nil
}

// attrKept is the flag of attr.get that says that clients may keep the value.
const attrKept = 1

// flagsOf returns attr.get's flags.
func (a *Attrs) flagsOf(name string) int {
	if rule, _ := ruleOf(name); rule&AttrImmutable != 0 {
		return attrKept
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
		if rule, _ := ruleOf(n); !e.unset && rule&AttrImmutable != 0 {
			out[n] = e.value
		}
	}
	return out
}
