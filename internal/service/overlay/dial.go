// SPDX-License-Identifier: LGPL-3.0-or-later

package overlay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"goflux/internal/install"
	"goflux/internal/link"
	"goflux/internal/message"
	"goflux/internal/rpc"
)

// How long to wait before trying to connect again: at first little, since
// brokers that are started together come up together.
const (
	firstRetry = 5 * time.Millisecond
	lastRetry  = time.Second
	// reconnectTimeout bounds an attempt to reach a parent that was there: a
	// network that works again is to be noticed soon.
	reconnectTimeout = 5 * time.Second
)

// connection is a connection to the parent whose hello has been answered.
type connection struct {
	stream  *link.Stream
	welcome rpc.OverlayWelcome
	self    string // what the parent's router calls this end
	route   string // what the router here calls the other
}

// final is a failure that another attempt would not change.
type final struct{ error }

// dial connects to the parent, however long that takes.
func (o *overlay) dial() {
	hello := o.hello()
	opt := o.w.Tbon.Link
	if again := o.parent.count > 0; again && (opt.ConnectTimeout == 0 || opt.ConnectTimeout > reconnectTimeout) {
		opt.ConnectTimeout = reconnectTimeout
	}
	o.h.Go(func(ctx context.Context) {
		wait, warned := firstRetry, false
		for {
			c, err := o.attempt(ctx, hello, opt)
			if err == nil {
				o.parent.attach(c)
				return
			}
			if ctx.Err() != nil {
				return
			}
			if errors.As(err, &final{}) {
				o.logCritical(err.Error())
				o.h.Post(o.parentGone)
				return
			}
			var unknown *net.DNSError
			if !warned && (wait >= lastRetry || errors.As(err, &unknown)) {
				o.h.Log().Warn(explain(o.w.ParentURI, err))
				warned = true
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
				wait = min(2*wait, lastRetry)
			}
		}
	}, nil)
}

// explain says why the parent cannot be reached.
func explain(uri string, err error) string {
	var unknown *net.DNSError
	if errors.As(err, &unknown) {
		return fmt.Sprintf("unable to resolve upstream peer %s: %s", unknown.Name, unknown.Err)
	}
	return fmt.Sprintf("unable to reach upstream peer %s: %v", uri, err)
}

// hello is how this broker introduces itself.
func (o *overlay) hello() rpc.OverlayHello {
	status, _ := o.peers.Status()
	hostname, _ := o.h.Attr("hostname")
	m := rpc.OverlayHello{
		Protocol: protocol, Features: features, Release: install.CoreVersion,
		Rank: o.h.Rank(), UUID: o.uuid, Status: int(status), Hostname: hostname,
	}
	if p := o.parent; p.count > 0 {
		m.UUID, m.Previous = fmt.Sprintf("%s-%d", o.uuid, p.count), p.self
	}
	return m
}

// attempt connects once and says hello.
func (o *overlay) attempt(ctx context.Context, hello rpc.OverlayHello, opt link.Options) (*connection, error) {
	nc, err := link.Dial(ctx, o.w.ParentURI, o.w.Identity, o.w.ParentKey, opt)
	if err != nil {
		return nil, err
	}
	stream := link.NewStream(nc, 0)
	defer context.AfterFunc(ctx, stream.Abort)()
	_ = nc.SetReadDeadline(time.Now().Add(helloTimeout))
	m := message.NewRequest(helloTopic, message.NodeAny, hello)
	m.Matchtag = 1
	_ = stream.Send(m) // a broken link is noticed below
	c := &connection{stream: stream, self: hello.UUID}
	if err := o.welcomed(c); err != nil {
		stream.Abort()
		return nil, err
	}
	_ = nc.SetReadDeadline(time.Time{})
	// The parent's name is new for each connection: an answer to what came over
	// the last one must not be taken for one to what comes over this.
	if c.route = c.welcome.UUID; hello.Previous != "" {
		c.route += hello.UUID[len(o.uuid):]
	}
	return c, nil
}

// welcomed takes the answer to the hello.
func (o *overlay) welcomed(c *connection) error {
	m, err := c.stream.Recv()
	if err == nil {
		if err = m.Err(); err == nil {
			err = m.Decode(&c.welcome)
		} else if num := message.Errno(err); num != syscall.EAGAIN {
			return final{fmt.Errorf("overlay.hello: %w", err)}
		}
	}
	if err != nil && !o.w.Returns {
		return final{fmt.Errorf("overlay.hello: %w", err)}
	}
	return err
}
