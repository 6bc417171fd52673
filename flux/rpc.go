// SPDX-License-Identifier: LGPL-3.0-or-later

package flux

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"goflux/internal/message"
)

// Call is a request under way.
type Call struct {
	client    *Client
	matchtag  uint32
	topic     string
	streaming bool
	q         queue
}

// queue is a bounded queue of messages that ends with an error.
type queue struct {
	mu    sync.Mutex
	items []*Message
	err   error
	ready chan struct{} // capacity 1
	room  chan struct{} // capacity 1
}

func newQueue() queue {
	return queue{ready: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

func (q *queue) put(m *Message) {
	for {
		q.mu.Lock()
		if len(q.items) < streamQueue || q.err != nil {
			q.items = append(q.items, m)
			q.mu.Unlock()
			poke(q.ready)
			return
		}
		q.mu.Unlock()
		<-q.room
	}
}

func (q *queue) fail(err error) {
	q.mu.Lock()
	if q.err == nil {
		q.err = err
	}
	q.mu.Unlock()
	poke(q.ready)
	poke(q.room)
}

func (q *queue) get(ctx context.Context) (*Message, error) {
	for {
		q.mu.Lock()
		if len(q.items) > 0 {
			m := q.items[0]
			q.items[0] = nil
			q.items = q.items[1:]
			if len(q.items) > 0 || q.err != nil {
				poke(q.ready)
			}
			q.mu.Unlock()
			poke(q.room)
			return m, nil
		}
		err := q.err
		q.mu.Unlock()
		if err != nil {
			poke(q.ready) // for the next reader
			return nil, err
		}
		select {
		case <-q.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func poke(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

func (c *Call) last(m *Message) bool { return !c.streaming || m.Errnum != 0 }
func (c *Call) put(m *Message)       { c.q.put(m) }
func (c *Call) fail(err error)       { c.q.fail(err) }

// Option changes a request.
type Option func(*Message)

// NoResponse says that no answer is wanted.
func NoResponse(m *Message) { m.Flags |= message.FlagNoResponse }

// Go sends a request and returns at once. payload is encoded as JSON; []byte
// goes as it is, nil is no payload.
func (c *Client) Go(topic string, nodeID uint32, payload any, opts ...Option) (*Call, error) {
	return c.start(topic, nodeID, payload, false, opts)
}

// Stream sends a request for a stream of responses (RFC 6).
func (c *Client) Stream(topic string, nodeID uint32, payload any, opts ...Option) (*Call, error) {
	return c.start(topic, nodeID, payload, true, opts)
}

func (c *Client) start(topic string, nodeID uint32, payload any, streaming bool, opts []Option) (*Call, error) {
	m := message.NewRequest(topic, nodeID, payload)
	m.Cred = c.cred
	if nodeID == NodeUpstream {
		rank, err := c.Rank(context.Background())
		if err != nil {
			return nil, err
		}
		m.NodeID = rank
		m.Flags |= message.FlagUpstream
	}
	if streaming {
		m.Flags |= message.FlagStreaming
	}
	for _, o := range opts {
		o(m)
	}
	call := &Call{client: c, topic: topic, streaming: streaming, q: newQueue()}
	if !m.Is(message.FlagNoResponse) {
		c.mu.Lock()
		if c.err != nil {
			c.mu.Unlock()
			return nil, c.err
		}
		c.matchtag++
		for c.matchtag == message.MatchtagNone || c.pending[c.matchtag] != nil {
			c.matchtag++
		}
		call.matchtag = c.matchtag
		m.Matchtag = c.matchtag
		c.pending[c.matchtag] = call
		c.mu.Unlock()
	}
	if err := c.Send(m); err != nil {
		call.Forget()
		return nil, err
	}
	return call, nil
}

// RPC sends a request and waits for the answer, which is decoded into resp
// unless that is nil.
func (c *Client) RPC(ctx context.Context, topic string, nodeID uint32, req, resp any) error {
	call, err := c.Go(topic, nodeID, req)
	if err != nil {
		return err
	}
	return call.Get(ctx, resp)
}

// Notify sends a request that is not answered.
func (c *Client) Notify(topic string, nodeID uint32, req any) error {
	_, err := c.Go(topic, nodeID, req, NoResponse)
	return err
}

// Matchtag identifies the request to the service, which cancels streams by it.
func (c *Call) Matchtag() uint32 { return c.matchtag }

// Message waits for the next response; an error it carries is returned as such.
func (c *Call) Message(ctx context.Context) (*Message, error) {
	m, err := c.q.get(ctx)
	if err != nil {
		return nil, err
	}
	if err := m.Err(); err != nil {
		c.q.fail(err)
		return nil, err
	}
	return m, nil
}

// Get waits for the (next) response and decodes it into resp unless that is
// nil. A stream's ordinary end is io.EOF.
func (c *Call) Get(ctx context.Context, resp any) error {
	m, err := c.Message(ctx)
	if err != nil {
		if c.streaming && errors.Is(err, syscall.ENODATA) {
			return io.EOF
		}
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			c.Forget()
		}
		return err
	}
	if resp == nil {
		return nil
	}
	return m.Decode(resp)
}

// Forget drops the interest in further responses. It tells the service
// nothing: a stream is ended by its own cancel request.
func (c *Call) Forget() {
	c.client.mu.Lock()
	defer c.client.mu.Unlock()
	if c.client.pending[c.matchtag] == c {
		delete(c.client.pending, c.matchtag)
	}
}

// Cancel asks the service that answers the stream to end it: topic is the
// service's cancel method, which takes the stream's matchtag.
func (c *Call) Cancel(topic string, nodeID uint32) error {
	return c.client.Notify(topic, nodeID, map[string]uint32{"matchtag": c.matchtag})
}

// Attr returns a broker attribute's value. ENOENT when there is none.
func (c *Client) Attr(ctx context.Context, name string) (string, error) {
	var resp struct {
		Value string `json:"value"`
	}
	err := c.RPC(ctx, "attr.get", NodeAny, map[string]string{"name": name}, &resp)
	if path, local := strings.CutPrefix(resp.Value, "local://"); local && name == "parent-uri" {
		// Below flux proxy to another host, the enclosing instance is there, too.
		if remote := os.Getenv("FLUX_PROXY_REMOTE"); remote != "" {
			return "ssh://" + remote + path, nil
		}
	}
	return resp.Value, err
}

func (c *Client) attrUint(ctx context.Context, name string) (uint32, error) {
	s, err := c.Attr(ctx, name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, message.Errorf(syscall.EPROTO, "attribute %s: %q is not a number", name, s)
	}
	return uint32(n), nil
}

// Size is the number of brokers of the instance.
func (c *Client) Size(ctx context.Context) (uint32, error) { return c.attrUint(ctx, "size") }
