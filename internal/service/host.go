// SPDX-License-Identifier: LGPL-3.0-or-later

package service

import (
	"context"
	"log/slog"
	"time"

	"goflux/internal/message"
)

// Host is what a service sees of its broker. Unless said otherwise its methods
// are to be called on the service's loop, and the functions handed to them are
// called on it.
type Host interface {
	// Name is the name the module was loaded under, UUID its route id.
	Name() string
	UUID() string
	// Rank and Size are the broker's rank and the number of brokers.
	Rank() uint32
	Size() uint32

	// Request sends a request and calls fn with each response, until the one
	// that ends it: any response of a unary request, the first error of a
	// streaming one (ENODATA is the ordinary end, RFC 6). fn may be nil for a
	// request without response.
	Request(req Request, fn func(*message.Message)) *Pending
	// OnResponse calls fn with the responses to topic that bear no matchtag:
	// the scheduler and execution protocols match by job id (RFC 27, 32).
	// Such requests are sent with Request.NoMatchtag.
	OnResponse(topic string, fn func(*message.Message))
	// Send routes a message as it is.
	Send(m *message.Message)
	// Publish publishes an event with the sequence that rank 0 gives it.
	Publish(topic string, payload any)
	// Subscribe calls fn for each event whose topic begins with prefix.
	Subscribe(prefix string, fn func(*message.Message)) (cancel func())
	// AddService makes the service answer to one more name, with the methods
	// it has for it. EEXIST when the name is taken.
	AddService(name string, handle func(*Call)) error
	RemoveService(name string)

	// Post runs fn on the loop. It may be called from any goroutine.
	Post(fn func())
	// Go runs work on a goroutine of its own and then fn on the loop.
	Go(work func(ctx context.Context), fn func())
	// After runs fn on the loop after d. Stop reports whether it prevented that.
	After(d time.Duration, fn func()) Timer
	// Now is the clock: as of [time.Now], the difference of two is of the
	// monotonic one. It may be called from any goroutine.
	Now() time.Time

	// Attr reads a broker attribute; SetAttr sets one past its user rules.
	Attr(name string) (string, bool)
	SetAttr(name, value string)
	// Config is the instance's configuration as decoded TOML: tables are
	// map[string]any. It is immutable; a reload brings a new one.
	Config() map[string]any
	// Log is the broker's log, with the service's name on each record. It
	// may be used from any goroutine.
	Log() *slog.Logger

	// SetRunning ends a start put off by [Starter]; Fail ends the module,
	// whether starting or running, with an error.
	SetRunning()
	Fail(err error)

	// Shared returns the broker-wide object that compose registered under
	// key (the store, for instance), or nil.
	Shared(key string) any
}

// Timer can be stopped.
type Timer interface{ Stop() bool }

// Request is a request to be sent.
type Request struct {
	Topic   string
	NodeID  uint32 // message.NodeAny for the nearest; message.NodeUpstream for my parent's and up
	Payload any
	Flags   message.Flags // NoResponse, Streaming
	// NoMatchtag sends the request without a matchtag: its responses go to
	// [Host.OnResponse].
	NoMatchtag bool
	// Cred, when valid, is the credential to send with instead of the owner's.
	Cred message.Cred
}

// Pending is a request whose answer is awaited.
type Pending struct {
	Matchtag uint32
	cancel   func()
}

// NewPending is for the module host.
func NewPending(matchtag uint32, cancel func()) *Pending { return &Pending{matchtag, cancel} }

// Forget drops the interest in further answers; it sends nothing.
func (p *Pending) Forget() {
	if p != nil && p.cancel != nil {
		p.cancel()
	}
}

// Endpoint is what messages are delivered to: a module, a client, a peer
// broker. Deliver takes over the message and never blocks; it may be called
// from any goroutine.
type Endpoint interface {
	Deliver(m *message.Message)
}

// LevelNotice and LevelCrit are the slog levels of the syslog severities that
// slog has no name for.
const (
	LevelNotice slog.Level = slog.LevelInfo + 2
	LevelCrit   slog.Level = slog.LevelError + 4
)
