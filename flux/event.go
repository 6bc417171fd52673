// SPDX-License-Identifier: LGPL-3.0-or-later

package flux

import (
	"context"
	"encoding/base64"

	"goflux/internal/message"
)

// Subscription receives the events whose topic begins with a prefix.
type Subscription struct {
	client *Client
	prefix string
	q      queue
}

func (s *Subscription) put(m *Message) { s.q.put(m) }
func (s *Subscription) fail(err error) { s.q.fail(err) }

// Subscribe asks for the events whose topic begins with prefix. It returns when
// the broker has taken note, so that nothing published afterwards is missed.
func (c *Client) Subscribe(ctx context.Context, prefix string) (*Subscription, error) {
	s := &Subscription{client: c, prefix: prefix, q: newQueue()}
	c.mu.Lock()
	c.subs[s] = struct{}{}
	c.mu.Unlock()
	if err := c.RPC(ctx, "event.subscribe", NodeAny, map[string]string{"topic": prefix}, nil); err != nil {
		s.drop()
		return nil, err
	}
	return s, nil
}

// Next waits for the next event.
func (s *Subscription) Next(ctx context.Context) (*Message, error) { return s.q.get(ctx) }

// Close ends the subscription.
func (s *Subscription) Close(ctx context.Context) error {
	s.drop()
	return s.client.RPC(ctx, "event.unsubscribe", NodeAny, map[string]string{"topic": s.prefix}, nil)
}

func (s *Subscription) drop() {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	delete(s.client.subs, s)
}

// PublishFlags of an event.
const (
	EventPrivate = int(message.FlagPrivate) // for the sender and the owner alone
)

// Publish publishes an event and returns its sequence number. payload is
// encoded as JSON; []byte goes as it is, nil is none.
func (c *Client) Publish(ctx context.Context, topic string, payload any, flags int) (uint32, error) {
	req := map[string]any{"topic": topic, "flags": flags}
	ev := message.NewEvent(topic, payload)
	if ev.HasPayload() {
		req["payload"] = base64.StdEncoding.EncodeToString(ev.Payload())
	}
	var resp struct {
		Seq uint32 `json:"seq"`
	}
	err := c.RPC(ctx, "event.publish", 0, req, &resp)
	return resp.Seq, err
}

// Serve registers service name and calls handle with each request for it, on
// the reading goroutine: it must not wait for this client's own calls. Answers
// are sent with Send(req.Response()).
func (c *Client) Serve(ctx context.Context, name string, handle func(*Message)) error {
	c.mu.Lock()
	c.serve = handle
	c.mu.Unlock()
	return c.RPC(ctx, "service.add", NodeAny, map[string]string{"service": name}, nil)
}
