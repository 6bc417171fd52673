// SPDX-License-Identifier: LGPL-3.0-or-later

package broker

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"os"
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
	uuid   string
	owner  uint32
	config atomic.Pointer[map[string]any]

	mu     sync.Mutex
	byName map[string]*service.Registration
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
		OnModuleFailure: func(string, error) {},
	}
	b.SetConfig(opt.Config)
	b.router = NewRouter(opt.Rank, b.uuid)
	b.mods = NewModules(b, b.router, NewUUID)
	b.mods.OnFailure = func(name string, err error) {
		b.log.Logger("broker").Error("module failed", "module", name, "err", err)
		b.OnModuleFailure(name, err)
	}
	for _, s := range opt.Services {
		b.byName[s.Name] = s
	}
	b.defineAttrs()
	b.startCore()
	return b
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

func (b *Broker) Shared(key string) any {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.opt.Shared[key]
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
	where := "builtin"
	if !reg.Builtin {
		where = modulePath(reg.Name)
	}
	b.mods.Load(reg, name, where, args, done)
}

// modulePath is the path module.list shows for a service that is compiled in.
func modulePath(name string) string { return "builtin/" + name }

// Close stops every module and the core services.
func (b *Broker) Close() {
	done := make(chan struct{})
	b.mods.RemoveAll(func() { close(done) })
	<-done
	b.core.stop()
	<-b.core.exited
}

// defineAttrs sets what the broker itself knows and how attributes behave.
func (b *Broker) defineAttrs() {
	b.attrs.Put("rank", strconv.FormatUint(uint64(b.opt.Rank), 10))
	b.attrs.Put("size", strconv.FormatUint(uint64(b.opt.Size), 10))
	b.attrs.Put("security.owner", strconv.FormatUint(uint64(b.owner), 10))
	b.attrs.Put("broker.uuid", b.uuid)
	b.attrs.Put("broker.pid", strconv.Itoa(os.Getpid()))
	for _, name := range []string{"rank", "size", "security.owner", "broker.uuid", "broker.pid"} {
		b.attrs.DefineUnset(name, AttrReadonly)
	}
}

// NewUUID returns a random UUID (RFC 4122, version 4).
func NewUUID() string {
	var u [16]byte
	_, _ = rand.Read(u[:]) // never fails
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
