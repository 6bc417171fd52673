// SPDX-License-Identifier: LGPL-3.0-or-later

package broker

import (
	"sort"
	"sync"
	"syscall"
	"time"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// Modules is the broker's module host: it loads registrations as services and
// keeps the table of what is loaded. Its methods may be called from any
// goroutine.
type Modules struct {
	world   World
	router  *Router
	newUUID func() string
	// OnFailure is told of a module that ended with an error while it ran.
	OnFailure func(name string, err error)

	mu     sync.Mutex
	loaded map[string]*loadedModule
	groups map[string]*module
	traced tracers
}

// loadedModule is an entry of the table: one name. Several of one group share
// the module.
type loadedModule struct {
	name    string
	path    string
	builtin bool
	mod     runner
	reg     *service.Registration
	joining bool          // its names are not registered yet, though the module may run
	ready   []func(error) // waiting for the module to run
	gone    []func(error) // waiting for it to exit
}

// runner is what runs a module: a loop in this process, or a process.
type runner interface {
	Endpoint
	ID() string
	State() ModState
	Idle() time.Duration
	Queues() (send, recv int)
	Stop(cancel bool)
	Defer(on bool)
}

func (m *module) ID() string { return m.uuid }

// Idle is the time since the last request.
func (m *module) Idle() time.Duration { return time.Since(time.Unix(0, m.lastRx.Load())) }

// Queues are the numbers of messages on their way from and to the module.
func (m *module) Queues() (send, recv int) { return 0, m.box.len() }

// Stop implements runner; a loop cannot be cancelled otherwise.
func (m *module) Stop(bool) { m.stop() }

// Defer implements runner: messages wait while it is on.
func (m *module) Defer(on bool) { m.box.hold(on) }

// NewModules returns an empty module host.
func NewModules(w World, r *Router, newUUID func() string) *Modules {
	return &Modules{
		world: w, router: r, newUUID: newUUID,
		OnFailure: func(string, error) {},
		loaded:    map[string]*loadedModule{},
		groups:    map[string]*module{},
	}
}

// Load starts reg under name and calls done when it runs or has failed.
// EEXIST when the name is taken.
func (ms *Modules) Load(reg *service.Registration, name, path string, args []string, done func(error)) {
	if err := reg.Check(); err != nil {
		done(message.Errorf(syscall.EINVAL, "%v", err))
		return
	}
	ms.mu.Lock()
	if ms.loaded[name] != nil {
		ms.mu.Unlock()
		done(syscall.EEXIST)
		return
	}
	entry := &loadedModule{name: name, path: path, builtin: reg.Builtin, reg: reg, ready: []func(error){done}}
	if reg.Group != "" && ms.groups[reg.Group] != nil {
		ms.loaded[name] = entry
		mod := ms.groups[reg.Group]
		entry.mod, entry.joining = mod, true
		ms.mu.Unlock()
		ms.join(mod, entry, args)
		return
	}
	mod := newModule(ms.world, ms.router, reg, name, ms.newUUID())
	mod.onState = func(m *module, s ModState, err error) { ms.stateChanged(m, s, err) }
	mod.traced = &ms.traced
	entry.mod = mod
	ms.router.Attach(mod.uuid, mod)
	if err := ms.addNames(entry); err != nil {
		ms.router.Detach(mod.uuid)
		ms.mu.Unlock()
		done(err)
		return
	}
	ms.loaded[name] = entry
	if reg.Group != "" {
		ms.groups[reg.Group] = mod
	}
	ms.mu.Unlock()
	ms.world.Logger("broker").Debug("insmod " + name)
	mod.start(args)
}

// addNames registers the service names of an entry. EEXIST when one is taken.
func (ms *Modules) addNames(e *loadedModule) error {
	names := append([]string{e.name}, e.reg.Aliases...)
	for i, n := range names {
		if err := ms.router.AddService(n, e.mod.ID()); err != nil {
			ms.removeNames(e, names[:i])
			return err
		}
	}
	return nil
}

func (ms *Modules) removeNames(e *loadedModule, names []string) {
	for _, n := range names {
		_ = ms.router.RemoveService(n, e.mod.ID()) // it may be gone
	}
}

// join adds a registration to the running instance of its group.
func (ms *Modules) join(mod *module, e *loadedModule, args []string) {
	mod.Post(func() {
		mod.addMethods(e.reg, e.name)
		err := ms.addNames(e)
		if j, ok := mod.inst.(service.Joiner); ok && err == nil {
			if err = j.Join(e.name, args); err != nil {
				ms.removeNames(e, append([]string{e.name}, e.reg.Aliases...))
			}
		}
		ms.mu.Lock()
		if err != nil {
			delete(ms.loaded, e.name)
		}
		ready := e.ready
		e.ready, e.joining = nil, false
		ms.mu.Unlock()
		for _, fn := range ready {
			fn(err)
		}
	})
}

// LoadExtern starts the module at path by a loader and calls done when it runs
// or has failed. EEXIST when the name is taken.
func (ms *Modules) LoadExtern(b *Broker, name, path, loader string, args []string, done func(error)) {
	m := &extern{b: b, name: name, uuid: ms.newUUID(), loader: loader, contacted: map[contact]struct{}{}}
	m.onState = ms.stateChanged
	entry := &loadedModule{name: name, path: path, mod: m, ready: []func(error){done}}
	ms.mu.Lock()
	if ms.loaded[name] != nil {
		ms.mu.Unlock()
		done(syscall.EEXIST)
		return
	}
	ms.router.Attach(m.uuid, m)
	err := ms.router.AddService(name, m.uuid)
	if err == nil {
		ms.loaded[name] = entry
		err = b.startExtern(m, path, args) // its end is reported later, off this goroutine
	}
	if err != nil {
		delete(ms.loaded, name)
		ms.router.Detach(m.uuid)
		ms.mu.Unlock()
		done(err)
		return
	}
	ms.mu.Unlock()
	ms.world.Logger("broker").Debug("insmod " + name)
}

// find returns the entry of a name, or of a path. It is called with the lock
// held.
func (ms *Modules) find(name string) *loadedModule {
	if e := ms.loaded[name]; e != nil {
		return e
	}
	for _, e := range ms.loaded {
		if e.path == name && !e.builtin {
			return e
		}
	}
	return nil
}

// Defer holds a module's messages back, or lets them go. ENOENT.
func (ms *Modules) Defer(name string, on bool) error {
	ms.mu.Lock()
	e := ms.find(name)
	ms.mu.Unlock()
	if e == nil {
		return syscall.ENOENT
	}
	e.mod.Defer(on)
	return nil
}

// Remove unloads name, or the module of that path, and calls done when it has
// exited. ENOENT when it is not loaded, EINVAL for a builtin.
func (ms *Modules) Remove(name string, cancel bool, done func(error)) {
	ms.mu.Lock()
	e := ms.find(name)
	switch {
	case e == nil:
		ms.mu.Unlock()
		done(syscall.ENOENT)
		return
	case e.builtin:
		ms.mu.Unlock()
		done(message.Errorf(syscall.EINVAL, "%s is built in and cannot be removed", name))
		return
	}
	ms.remove(e, cancel, done)
}

// Unload is Remove for the broker itself, which may unload built-in modules,
// too. A module that is not there is fine.
func (ms *Modules) Unload(name string, done func(error)) {
	ms.mu.Lock()
	e := ms.loaded[name]
	if e == nil {
		ms.mu.Unlock()
		done(nil)
		return
	}
	ms.remove(e, false, done)
}

// remove is called with the lock held and lets it go.
func (ms *Modules) remove(e *loadedModule, cancel bool, done func(error)) {
	if e.reg != nil && e.reg.Group != "" && ms.sharers(e.reg.Group) > 1 {
		delete(ms.loaded, e.name)
		ms.mu.Unlock()
		ms.leave(e, done)
		return
	}
	e.gone = append(e.gone, done)
	mod := e.mod
	ms.mu.Unlock()
	ms.world.Logger("broker").Debug("rmmod " + e.name)
	mod.Stop(cancel)
}

func (ms *Modules) sharers(group string) int {
	n := 0
	for _, e := range ms.loaded {
		if e.reg != nil && e.reg.Group == group {
			n++
		}
	}
	return n
}

func (ms *Modules) leave(e *loadedModule, done func(error)) {
	ms.removeNames(e, append([]string{e.name}, e.reg.Aliases...))
	mod := e.mod.(*module)
	mod.Post(func() {
		if j, ok := mod.inst.(service.Joiner); ok {
			j.Leave(e.name)
		}
		done(nil)
	})
}

// RemoveAll unloads every module, builtin ones too, and calls done at the end.
func (ms *Modules) RemoveAll(done func()) {
	ms.mu.Lock()
	names := make([]string, 0, len(ms.loaded))
	for n := range ms.loaded {
		names = append(names, n)
	}
	ms.mu.Unlock()
	left := len(names)
	if left == 0 {
		done()
		return
	}
	var mu sync.Mutex
	one := func(error) {
		mu.Lock()
		left--
		last := left == 0
		mu.Unlock()
		if last {
			done()
		}
	}
	for _, n := range names {
		ms.mu.Lock()
		if e := ms.loaded[n]; e != nil {
			ms.remove(e, false, one)
			continue
		}
		ms.mu.Unlock()
		one(nil)
	}
}

// stateChanged is called by runners.
func (ms *Modules) stateChanged(mod runner, s ModState, err error) {
	ms.mu.Lock()
	var ready, gone []func(error)
	var failed string
	var exited []string
	for name, e := range ms.loaded {
		if e.mod != mod {
			continue
		}
		switch s {
		case ModRunning:
			if e.joining {
				continue
			}
			ready = append(ready, e.ready...)
			e.ready = nil
		case ModExited:
			gone = append(gone, e.gone...)
			if e.ready != nil { // one that ends at once without an error has done its work
				ready = append(ready, e.ready...)
			} else if len(e.gone) == 0 && err != nil {
				failed = name
			}
			delete(ms.loaded, name)
			exited = append(exited, name)
			if e.reg != nil && e.reg.Group != "" {
				delete(ms.groups, e.reg.Group)
			}
		}
	}
	ms.mu.Unlock()
	for _, name := range exited {
		ms.world.Logger("broker").Debug("module " + name + " exited")
	}
	for _, fn := range ready {
		fn(err)
	}
	for _, fn := range gone {
		fn(nil)
	}
	if failed != "" {
		ms.OnFailure(failed, err)
	}
}

// List answers module.list.
func (ms *Modules) List() []rpc.Module {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	list := make([]rpc.Module, 0, len(ms.loaded))
	for _, e := range ms.loaded {
		send, recv := e.mod.Queues()
		names := []string{e.name}
		if e.reg == nil || e.reg.Group == "" {
			names = ms.router.ServiceNames(e.mod.ID())
		} else {
			names = append(names, e.reg.Aliases...)
		}
		sort.Strings(names)
		list = append(list, rpc.Module{
			Name: e.name, Path: e.path, Idle: int(e.mod.Idle().Seconds()),
			Status: int(e.mod.State()), Services: names,
			SendQueue: send, RecvQueue: recv,
		})
	}
	sort.Slice(list, func(i, j int) bool {
		if list[i].Idle != list[j].Idle {
			return list[i].Idle < list[j].Idle
		}
		return list[i].Name < list[j].Name
	})
	return list
}

// Loaded reports whether name is loaded.
func (ms *Modules) Loaded(name string) bool {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	return ms.loaded[name] != nil
}
