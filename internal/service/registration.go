// SPDX-License-Identifier: LGPL-3.0-or-later

package service

import (
	"fmt"
	"strings"

	"goflux/internal/message"
)

// Registration describes a service.
type Registration struct {
	// Name is the module's name and the first service name it answers to.
	Name string
	// Aliases are further service names (content-sqlite answers to
	// content-backing).
	Aliases []string
	// Group, when set, makes all registrations of that group share one
	// instance and one loop: the first to be loaded constructs it, each later
	// one is announced by [Joiner].
	Group string
	// LogAs is the name it writes to the log under, "" for its own. In a Group,
	// whose instance is made by whichever comes first, all have the same.
	LogAs string
	// Builtin services are loaded with the broker and cannot be removed.
	Builtin bool
	// Relay sends every request that no method matches on to the nearest
	// broker upstream that has the service: a follower's face of a service
	// that lives on the leader.
	Relay bool
	// Methods are the topics served. A request for any other topic of the
	// service's names is answered ENOSYS.
	Methods []Method
	// New constructs the instance. It runs on the service's loop. Calling
	// h.SetRunning later, instead of returning, is for services that must
	// finish an asynchronous start: see [Starter].
	New func(h Host, args []string) (any, error)
}

// Optional interfaces of an instance; all are called on its loop.
type (
	// Starter postpones the answer to module.load until it calls
	// h.SetRunning or h.Fail.
	Starter interface{ Start() }
	// Batcher is told when the mailbox has been drained for now: the moment
	// to commit, schedule or flush what the batch of messages brought.
	Batcher interface{ EndBatch() }
	// Stopper releases what the instance holds, when it is unloaded.
	Stopper interface{ Stop() }
	// AsyncStopper is a Stopper that needs its loop to finish: done is to be
	// called on the loop, once.
	AsyncStopper interface{ StopAsync(done func()) }
	// Statser answers NAME.stats-get.
	Statser interface{ Stats() any }
	// StatsClearer answers NAME.stats-clear.
	StatsClearer interface{ ClearStats() }
	// Disconnecter learns that a client has gone away.
	Disconnecter interface{ Disconnect(sender string) }
	// Configurable checks and applies a new configuration. An error refuses it.
	Configurable interface{ Reconfigure() error }
	// GroupConfigurable is Configurable for an instance behind several
	// registrations: each reads what concerns the one called name.
	GroupConfigurable interface{ ReconfigureAs(name string) error }
	// Joiner is told that a further registration of its Group was loaded or
	// unloaded.
	Joiner interface {
		Join(name string, args []string) error
		Leave(name string)
	}
	// DebugWatcher learns that NAME.debug changed the debug flags.
	DebugWatcher interface{ DebugFlags(flags int) }
)

// Method is one topic of a service.
type Method struct {
	Topic string
	// Allow are the roles that may call besides the owner (RFC 12): 0 for
	// the owner alone.
	Allow  message.Role
	handle func(inst any, c *Call)
}

// Owner and Guests are the two usual rows of the authorisation table.
const (
	Owner  message.Role = 0
	Guests              = message.RoleUser
)

// Invoke runs the method's handler for c on instance inst.
func (m Method) Invoke(inst any, c *Call) { m.handle(inst, c) }

// Deferred is a method whose handler answers through c, now or later.
func Deferred[S, Req any](topic string, allow message.Role, fn func(s S, c *Call, req *Req)) Method {
	return Method{Topic: topic, Allow: allow, handle: func(inst any, c *Call) {
		req := new(Req)
		if err := c.Msg.Decode(req); err != nil {
			c.Fail(err)
			return
		}
		fn(inst.(S), c, req)
	}}
}

// Unary is a method whose handler returns the answer.
func Unary[S, Req any](topic string, allow message.Role, fn func(s S, c *Call, req *Req) (any, error)) Method {
	return Deferred(topic, allow, func(s S, c *Call, req *Req) {
		resp, err := fn(s, c, req)
		if err != nil {
			c.Fail(err)
			return
		}
		c.Respond(resp)
	})
}

// Raw is a method whose handler looks at the payload itself.
func Raw[S any](topic string, allow message.Role, fn func(s S, c *Call)) Method {
	return Method{Topic: topic, Allow: allow, handle: func(inst any, c *Call) { fn(inst.(S), c) }}
}

// Check reports what is wrong with a registration: a method outside its
// names, a topic twice, no constructor.
func (r *Registration) Check() error {
	seen := map[string]bool{}
	for _, m := range r.Methods {
		if seen[m.Topic] {
			return fmt.Errorf("service %s: topic %s is registered twice", r.Name, m.Topic)
		}
		seen[m.Topic] = true
		svc, _, ok := strings.Cut(m.Topic, ".")
		if !ok || !r.answersTo(svc) {
			return fmt.Errorf("service %s: topic %s is outside its names", r.Name, m.Topic)
		}
	}
	if r.New == nil {
		return fmt.Errorf("service %s: no constructor", r.Name)
	}
	return nil
}

func (r *Registration) answersTo(name string) bool {
	if name == r.Name {
		return true
	}
	for _, a := range r.Aliases {
		if a == name {
			return true
		}
	}
	return false
}
