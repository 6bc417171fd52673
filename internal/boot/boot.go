// SPDX-License-Identifier: LGPL-3.0-or-later

package boot

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"goflux/internal/config"
	"goflux/internal/message"
	"goflux/internal/pmi"
	"goflux/taskmap"
)

// Attrs are the broker's attributes, past the rules for users.
type Attrs interface {
	Get(name string) (string, bool)
	Put(name, value string)
	// Default puts a value unless there is one, PutUnset lists a name without.
	Default(name, value string)
	PutUnset(name string)
}

// Env is what booting looks at.
type Env struct {
	Attrs    Attrs
	Config   config.Table
	Hostname string
	Getenv   func(string) string
	// Trace, when not nil, is told the steps (FLUX_PMI_DEBUG).
	Trace func(text string)
}

func (e *Env) trace(format string, args ...any) {
	if e.Trace != nil {
		e.Trace(fmt.Sprintf(format, args...))
	}
}

// Boot is a broker being booted.
type Boot struct {
	env    Env
	Method string // config, simple or single
	Rank   uint32
	Size   uint32
	// UnderFlux says that the instance is a job of another instance.
	UnderFlux bool

	hosts *hostsTable // by config
	pmi   *pmi.Client // by PMI, and for an instance of one
	nodes *taskmap.Map
}

// defaultMethods is the order in which methods are tried.
const defaultMethods = "config simple libpmi2 libpmi single"

// errNotHere says that a method does not apply; the next is tried.
var errNotHere = errors.New("")

// Start finds the rank and size and sets the attributes that follow from them.
func Start(env Env) (*Boot, error) {
	b := &Boot{env: env}
	if method, ok := env.Attrs.Get("broker.boot-method"); ok {
		if err := b.try(method); err != nil {
			if errors.Is(err, errNotHere) {
				return nil, fmt.Errorf("broker.boot-method %s: %w", method, err)
			}
			return nil, err
		}
	} else if err := b.choose(); err != nil {
		return nil, err
	}
	env.Attrs.Put("broker.boot-method", b.Method)
	env.Attrs.Put("rank", fmt.Sprint(b.Rank))
	env.Attrs.Put("size", fmt.Sprint(b.Size))
	return b, b.earlyAttrs()
}

func (b *Boot) choose() error {
	methods := b.env.Getenv("FLUX_PMI_CLIENT_METHODS")
	if methods == "" {
		methods = defaultMethods
	}
	err := error(message.Errorf(syscall.EINVAL, "no boot method in FLUX_PMI_CLIENT_METHODS"))
	for _, m := range strings.Fields(methods) {
		b.env.trace("trying '%s'", m)
		if err = b.try(m); err == nil {
			b.env.trace("selected %s: rank %d of %d", m, b.Rank, b.Size)
			return nil
		}
		b.env.trace("%v", err)
		if !errors.Is(err, errNotHere) {
			return err
		}
	}
	return err
}

// try boots by one method.
func (b *Boot) try(method string) error {
	name, _, _ := strings.Cut(method, ":")
	switch name {
	case "config":
		return b.byConfig()
	case "simple":
		if b.env.Getenv("PMI_FD") == "" {
			return fmt.Errorf("simple: PMI_FD is not set%w", errNotHere)
		}
		return b.byPMI(b.env.Getenv)
	case "single":
		return b.byPMI(func(string) string { return "" })
	case "libpmi", "libpmi2":
		return fmt.Errorf("%s: PMI libraries cannot be loaded: the process manager has to offer the PMI-1 wire protocol%w", name, errNotHere)
	}
	return fmt.Errorf("%s: there is no such boot method%w", method, errNotHere)
}

func (b *Boot) byPMI(getenv func(string) string) error {
	c, err := pmi.Open(getenv)
	if err != nil {
		return fmt.Errorf("simple: initialize: %w", err)
	}
	b.pmi, b.Method = c, c.Method
	b.Rank, b.Size = uint32(c.Rank), uint32(c.Size)
	return nil
}

func (b *Boot) byConfig() error {
	if _, ok := b.env.Config["bootstrap"]; !ok {
		return fmt.Errorf("config: bootstrap configuration not found%w", errNotHere)
	}
	hosts, err := parseBootstrap(b.env.Config, b.env.Hostname)
	if err != nil {
		return err
	}
	b.Method, b.hosts = "config", hosts
	b.Rank, b.Size = uint32(hosts.rank), uint32(len(hosts.list))
	return nil
}

// preset returns what the process manager tells its programs by key, "" for
// what it does not.
func (b *Boot) preset(key string) string {
	if b.pmi == nil {
		return ""
	}
	v, err := b.pmi.Get(key)
	if err != nil {
		return ""
	}
	return v
}

// earlyAttrs sets what the process manager told before anything is exchanged.
func (b *Boot) earlyAttrs() error {
	attrs := b.env.Attrs
	level := b.preset("flux.instance-level")
	if level != "" {
		b.UnderFlux = true
		attrs.Default("jobid", b.pmi.KVSName)
		if hint := b.preset("flux.tbon-interface-hint"); hint != "" {
			attrs.Default("tbon.interface-hint", hint)
		}
	} else {
		level = "0"
	}
	attrs.Default("instance-level", level)
	return b.mapping()
}

// mapping sets broker.mapping: which brokers share a node.
func (b *Boot) mapping() error {
	var text, key string
	switch {
	case b.Size == 1 || b.Method == "config":
		key, text = "", fmt.Sprintf("[[0,%d,1,1]]", b.Size)
	case b.UnderFlux:
		key, text = "flux.taskmap", b.preset("flux.taskmap")
	}
	if text == "" {
		key, text = "PMI_process_mapping", b.preset("PMI_process_mapping")
	}
	if text == "" {
		b.env.Attrs.PutUnset("broker.mapping")
		return nil
	}
	m, err := taskmap.Parse(text)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	if m.Unknown() {
		b.env.Attrs.PutUnset("broker.mapping")
		return nil
	}
	b.nodes = m
	b.env.Attrs.Default("broker.mapping", m.String())
	return nil
}

// sameNode tells whether a rank is on this broker's node.
func (b *Boot) sameNode(rank uint32) bool {
	if b.nodes == nil {
		return false
	}
	mine, ok1 := b.nodes.NodeID(int(b.Rank))
	theirs, ok2 := b.nodes.NodeID(int(rank))
	return ok1 && ok2 && mine == theirs
}

// Finish says goodbye to the process manager.
func (b *Boot) Finish() error {
	if b.pmi == nil {
		return nil
	}
	err := b.pmi.Finalize()
	b.pmi = nil
	return err
}

// Abort tells the process manager that this broker cannot go on.
func (b *Boot) Abort(text string) {
	if b.pmi != nil {
		_ = b.pmi.Abort(1, text)
	}
}
