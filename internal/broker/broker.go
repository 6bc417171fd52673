// SPDX-License-Identifier: LGPL-3.0-or-later

package broker

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"goflux/internal/message"
	"goflux/internal/service"
)

// Options are what a broker is made of.
type Options struct {
	Rank, Size uint32
	// Attrs holds what the command line set; the broker defines the rest.
	Attrs *Attrs
	// Config is the decoded TOML configuration; ConfigSource reads it again.
	Config       map[string]any
	ConfigSource func() (map[string]any, error)
	// Stderr takes the log's copies.
	Stderr io.Writer
	// Services are the registrations that can be loaded by name.
	Services []*service.Registration
	// Shared are the broker-wide objects services ask for by key.
	Shared map[string]any
}

// Broker is one broker of an instance.
type Broker struct {
	opt    Options
	attrs  *Attrs
	log    *Log
	router *Router
	mods   *Modules
	core   *module
	// internals are the broker's own services, core among them.
	internals []*module
	uuid      string
	owner     uint32
	config    atomic.Pointer[map[string]any]
	online    atomic.Bool

	mu       sync.Mutex
	byName   map[string]*service.Registration
	builtins []string
	provided map[string]func() (any, error)
	closers  []io.Closer // what was provided and made
	// OnModuleFailure is told when a module dies while it runs.
	OnModuleFailure func(name string, err error)
}

// New returns a broker with its core services running and no module loaded.
func New(opt Options) *Broker {
	if opt.Attrs == nil {
		opt.Attrs = NewAttrs()
	}
	if opt.Stderr == nil {
		opt.Stderr = os.Stderr
	}
	b := &Broker{
		opt: opt, attrs: opt.Attrs, uuid: NewUUID(), owner: uint32(os.Getuid()),
		log: NewLog(opt.Rank, opt.Stderr), byName: map[string]*service.Registration{},
		provided:        map[string]func() (any, error){},
		OnModuleFailure: func(string, error) {},
	}
	b.SetConfig(opt.Config)
	b.router = NewRouter(opt.Rank, b.uuid)
	b.mods = NewModules(b, b.router, NewUUID)
	b.mods.OnFailure = func(name string, err error) {
		b.log.Logger("broker").Error("module failed", "module", name, "err", err)
		b.OnModuleFailure(name, err)
	}
	b.AddServices(opt.Services)
	b.defineAttrs()
	b.startCore()
	return b
}

// Online lets clients' requests in; until then they are told to try later.
func (b *Broker) Online() { b.online.Store(true) }

// AddServices makes registrations loadable by name.
func (b *Broker) AddServices(regs []*service.Registration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range regs {
		b.byName[r.Name] = r
		if r.Builtin {
			b.builtins = append(b.builtins, r.Name)
		}
	}
}

// Builtins lists the built-in modules in the order in which they were added,
// which is that of loading.
func (b *Broker) Builtins() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.builtins)
}

// Router, Modules, Attrs and Log are the broker's parts.
func (b *Broker) Router() *Router   { return b.router }
func (b *Broker) Modules() *Modules { return b.mods }
func (b *Broker) Attrs() *Attrs     { return b.attrs }
func (b *Broker) EventLog() *Log    { return b.log }
func (b *Broker) UUID() string      { return b.uuid }

// Rank, Size, Attr, SetAttr, Config, Shared, Logger and OwnerCred implement
// [World].
func (b *Broker) Rank() uint32                    { return b.opt.Rank }
func (b *Broker) Size() uint32                    { return b.opt.Size }
func (b *Broker) Attr(name string) (string, bool) { return b.attrs.Get(name) }
func (b *Broker) SetAttr(name, value string)      { b.attrs.Put(name, value) }
func (b *Broker) Config() map[string]any          { return *b.config.Load() }
func (b *Broker) Logger(svc string) *slog.Logger  { return b.log.Logger(svc) }

// Shared returns the object of key, making it if it was provided unmade; nil
// when there is none or it cannot be made.
func (b *Broker) Shared(key string) any {
	b.mu.Lock()
	p := b.provided[key]
	v := b.opt.Shared[key]
	b.mu.Unlock()
	if p == nil {
		return v
	}
	v, err := p()
	if err != nil {
		b.log.Logger("broker").Error("making a shared object", "key", key, "err", err)
		return nil
	}
	return v
}

// Provide makes an object available to services that is made, once, when it is
// first asked for, and closed by [Broker.Close] if it has a Close method.
func (b *Broker) Provide(key string, make func() (any, error)) {
	once := sync.OnceValues(func() (any, error) {
		v, err := make()
		if c, ok := v.(io.Closer); ok && err == nil {
			b.mu.Lock()
			b.closers = append(b.closers, c)
			b.mu.Unlock()
		}
		return v, err
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	b.provided[key] = once
}

// Share makes a broker-wide object available to services.
func (b *Broker) Share(key string, v any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.opt.Shared == nil {
		b.opt.Shared = map[string]any{}
	}
	b.opt.Shared[key] = v
}

func (b *Broker) OwnerCred() message.Cred {
	return message.Cred{UserID: b.owner, Rolemask: message.RoleOwner | message.RoleLocal}
}

// SetConfig makes c the configuration that services see.
func (b *Broker) SetConfig(c map[string]any) {
	if c == nil {
		c = map[string]any{}
	}
	b.config.Store(&c)
}

// Load loads the registration called path under name ("": its own) and calls
// done when it runs. ENOENT when there is none of that name.
func (b *Broker) Load(path, name string, args []string, done func(error)) {
	b.mu.Lock()
	reg := b.byName[path]
	b.mu.Unlock()
	if reg == nil {
		done(message.Errorf(syscall.ENOENT, "%s: module not found in search path", path))
		return
	}
	if name == "" {
		name = reg.Name
	}
	where := builtinPath
	if !reg.Builtin {
		where += "/" + reg.Name
	}
	b.mods.Load(reg, name, where, args, done)
}

// builtinPath is the path that module.list shows for built-in modules; those
// that are compiled in, too, but may be removed, have their name after it.
const builtinPath = "builtin"

// Close stops every module and the core services, then closes what was provided.
func (b *Broker) Close() {
	done := make(chan struct{})
	b.mods.RemoveAll(func() { close(done) })
	<-done
	b.stopInternals()
	for _, c := range b.closers {
		if err := c.Close(); err != nil {
			b.log.Logger("broker").Error("closing a shared object", "err", err)
		}
	}
}

// defineAttrs sets what the broker itself knows and how attributes behave.
func (b *Broker) defineAttrs() {
	b.attrs.Put("rank", strconv.FormatUint(uint64(b.opt.Rank), 10))
	b.attrs.Put("size", strconv.FormatUint(uint64(b.opt.Size), 10))
	b.attrs.Put("security.owner", strconv.FormatUint(uint64(b.owner), 10))
	b.attrs.Put("broker.uuid", b.uuid)
	b.attrs.Put("broker.pid", strconv.Itoa(os.Getpid()))
}

// NewUUID returns a random UUID (RFC 4122, version 4).
func NewUUID() string {
	var u [16]byte
	_, _ = rand.Read(u[:]) // never fails
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
