// SPDX-License-Identifier: LGPL-3.0-or-later

package soak

import (
	"context"
	"time"

	"goflux/flux"
)

const (
	// opPatience is how long a client waits for an answer. Who is stopped
	// longer than that makes clients give up.
	opPatience = 5 * time.Second
	// tryAgain is the pause of a client whose operation or connection failed.
	tryAgain = 20 * time.Millisecond
)

// session is a client of one broker, which connects again when the connection
// breaks. It does not repeat what it does not know the outcome of.
type session struct {
	s      *soak
	id     int
	rank   int
	client *flux.Client
}

func (c *session) close() {
	if c.client != nil {
		c.client.Close()
		c.client = nil
	}
}

// connect connects if need be; false when that cannot be now.
func (c *session) connect(ctx context.Context) bool {
	if c.client != nil && c.client.Err() == nil {
		return true
	}
	c.close()
	ctx, cancel := context.WithTimeout(ctx, opPatience)
	defer cancel()
	client, err := flux.Open(ctx, c.s.cluster.uri(c.rank))
	if err != nil {
		pause(ctx, tryAgain)
		return false
	}
	c.client = client
	return true
}

// do does an operation and notes it. What is begun is awaited even when the
// clients are to end.
func (c *session) do(ctx context.Context, op Op, run func(context.Context, *flux.Client) (string, error)) bool {
	if !c.connect(ctx) {
		return false
	}
	op.Client, op.Rank, op.Call = c.id, c.rank, c.s.history.now()
	asked, cancel := context.WithTimeout(context.WithoutCancel(ctx), opPatience)
	defer cancel()
	value, err := run(asked, c.client)
	op.Return = c.s.history.now()
	if value != "" {
		op.Value = value
	}
	if err != nil {
		op.Err = err.Error()
	}
	c.s.history.add(op)
	if asked.Err() != nil {
		c.close() // a new connection may find a broker that answers
	}
	if err != nil {
		pause(ctx, tryAgain)
	}
	return err == nil
}

// pause waits, but not beyond the end.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
