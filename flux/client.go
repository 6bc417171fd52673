// SPDX-License-Identifier: LGPL-3.0-or-later

package flux

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"syscall"

	"goflux/internal/link"
	"goflux/internal/message"
)

// Where a request goes (RFC 3): to the nearest broker upstream that has the
// service, to the services upstream of this broker, or to a rank.
const (
	NodeAny      = message.NodeAny
	NodeUpstream = message.NodeUpstream
)

// Message is one Flux message (RFC 3).
type Message = message.Message

// Error is an error answered by a service: an errno and a sentence.
type Error = message.Error

// Errno is the errno that err wraps, EINVAL when it wraps none.
func Errno(err error) syscall.Errno { return message.Errno(err) }

// ErrorText is what to tell a person about err: the service's own sentence, or
// the errno's text as the C library words it.
func ErrorText(err error) string {
	var e *message.Error
	if errors.As(err, &e) {
		return e.Error()
	}
	var num syscall.Errno
	if errors.As(err, &num) {
		return message.ErrnoText(num)
	}
	return err.Error()
}

// streamQueue is how many responses of one stream wait for their reader before
// the client stops reading from the broker.
const streamQueue = 1 << 14

// Client is a connection to a broker.
type Client struct {
	conn conn
	cred message.Cred // what to send with: unknown, unless set for tests

	mu       sync.Mutex
	matchtag uint32
	pending  map[uint32]*Call
	subs     map[*Subscription]struct{}
	serve    func(*Message)
	err      error
	rank     uint32
	haveRank bool
	done     chan struct{}
}

// conn is what a connector provides.
type conn interface {
	SendWait(m *message.Message) error
	Recv() (*message.Message, error)
	Close() error
}

// Open connects to the broker at uri: local://PATH, ssh://[USER@]HOST[:PORT]/PATH, fd://N. "" stands for
// $FLUX_URI, or else the system instance.
func Open(ctx context.Context, uri string) (*Client, error) {
	nc, err := connect(ctx, uri)
	if err != nil {
		return nil, err
	}
	return newClient(link.NewStream(nc, 0)), nil
}

func newClient(cn conn) *Client {
	c := &Client{
		conn:    trace(cn),
		cred:    credFromEnv(),
		pending: map[uint32]*Call{},
		subs:    map[*Subscription]struct{}{},
		done:    make(chan struct{}),
	}
	go c.read()
	return c
}

// Close ends the connection. Calls under way fail.
func (c *Client) Close() error {
	c.fail(errClosed)
	err := c.conn.Close()
	<-c.done
	return err
}

var errClosed = message.Errorf(syscall.ECONNRESET, "the connection is closed")

// Done is closed when the connection has ended, by whatever side.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err is why the connection ended.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// read hands out what the broker sends.
func (c *Client) read() {
	defer close(c.done)
	for {
		m, err := c.conn.Recv()
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = message.Errorf(syscall.ECONNRESET, "Lost connection to Flux")
			}
			c.fail(err)
			return
		}
		c.dispatch(m)
	}
}

func (c *Client) dispatch(m *Message) {
	switch m.Type {
	case message.TypeResponse:
		c.mu.Lock()
		call := c.pending[m.Matchtag]
		if call != nil && call.last(m) {
			delete(c.pending, m.Matchtag)
		}
		c.mu.Unlock()
		if call != nil {
			call.put(m)
		}
	case message.TypeEvent:
		c.mu.Lock()
		var to []*Subscription
		for s := range c.subs {
			if strings.HasPrefix(m.Topic, s.prefix) {
				to = append(to, s)
			}
		}
		c.mu.Unlock()
		for _, s := range to {
			s.put(m)
		}
	case message.TypeRequest:
		c.mu.Lock()
		serve := c.serve
		c.mu.Unlock()
		if serve != nil {
			serve(m)
		} else {
			_ = c.conn.SendWait(m.ErrorResponse(syscall.ENOSYS))
		}
	}
}

// fail ends everything that waits; the first reason counts.
func (c *Client) fail(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
	}
	err = c.err
	pending, subs := c.pending, c.subs
	c.pending, c.subs = map[uint32]*Call{}, map[*Subscription]struct{}{}
	c.mu.Unlock()
	for _, call := range pending {
		call.fail(err)
	}
	for s := range subs {
		s.fail(err)
	}
}

// Send sends a message as it is: an event, or a response to a request that
// this client serves.
func (c *Client) Send(m *Message) error {
	if m.Cred == (message.Cred{}) {
		m.Cred = c.cred
	}
	if err := c.conn.SendWait(m); err != nil {
		if why := c.Err(); why != nil {
			return why
		}
		return message.Errorf(syscall.ECONNRESET, "Lost connection to Flux")
	}
	return nil
}

// Rank is the rank of the broker this client is connected to.
func (c *Client) Rank(ctx context.Context) (uint32, error) {
	c.mu.Lock()
	rank, ok := c.rank, c.haveRank
	c.mu.Unlock()
	if ok {
		return rank, nil
	}
	n, err := c.attrUint(ctx, "rank")
	if err != nil {
		return 0, err
	}
	c.mu.Lock()
	c.rank, c.haveRank = n, true
	c.mu.Unlock()
	return n, nil
}
