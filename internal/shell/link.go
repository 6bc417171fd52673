// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"

	"goflux/flux"
)

// Waits between attempts to find the broker again.
const (
	reconnectFirst = 100 * time.Millisecond
	reconnectMost  = time.Second
)

// brokerLink is all of the shell's traffic with its broker. It may be told to
// find the broker again when it goes away: then requests that have not been
// answered are sent once more, and so is what had been appended to streams
// without being acknowledged. Its methods are called on the loop.
type brokerLink struct {
	*loop
	uri       string
	reconnect bool
	home      string      // the job's directory, which the instance keeps while it may return
	writer    int         // the shell's rank
	service   string      // name offered to other shells, "" before offer
	prefix    string      // of the events subscribed to
	offered   func(error) // to be called when the service is in place
	onRequest func(*flux.Message)
	onEvent   func(*flux.Message)
	// onLost is called once when the broker is gone for good, onBack each
	// time it has been found again.
	onLost func(error)
	onBack func()

	ctx     context.Context
	cancel  context.CancelFunc
	mu      sync.Mutex // of client: the service handler runs on its goroutine
	client  *flux.Client
	up      bool
	lost    error
	parted  bool // the broker has been away
	parting bool // nothing is put off any more
	calls   map[*call]bool
	streams map[string]*appender
}

// call is a request under way.
type call struct {
	topic string
	node  uint32
	req   any
	done  func(*flux.Message, error)

	// For retry: since when the service is missing, the last wait, and the timer
	// of the next attempt.
	missing time.Time
	wait    time.Duration
	again   *timer
}

// openLink connects to the broker at uri ("" for $FLUX_URI), or takes over a
// connection that there is.
func openLink(l *loop, uri string, reconnect bool, c *flux.Client) (*brokerLink, error) {
	k := &brokerLink{
		loop: l, uri: uri, reconnect: reconnect, up: true,
		onLost: func(error) {}, onBack: func() {},
		calls: map[*call]bool{}, streams: map[string]*appender{},
	}
	k.ctx, k.cancel = context.WithCancel(context.Background())
	if c == nil {
		var err error
		if c, err = k.open(); err != nil {
			return nil, err
		}
	}
	k.adopt(c)
	return k, nil
}

// openTime is how long a broker that has just been started may not yet listen to
// those that it starts itself.
const openTime = time.Minute

// open connects for the first time.
func (k *brokerLink) open() (*flux.Client, error) {
	begin := time.Now()
	for wait := reconnectFirst; ; wait = min(2*wait, reconnectMost) {
		c, err := flux.Open(k.ctx, k.uri)
		if err == nil || !k.reconnect || time.Since(begin) > openTime {
			return c, err
		}
		time.Sleep(wait)
	}
}

// adopt makes c the connection and watches for its end.
func (k *brokerLink) adopt(c *flux.Client) {
	k.mu.Lock()
	k.client = c
	k.mu.Unlock()
	go func() {
		select {
		case <-c.Done():
			k.post(func() { k.ended(c) })
		case <-k.ctx.Done():
		}
	}()
}

// conn is the present connection.
func (k *brokerLink) conn() *flux.Client {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.client
}

// offer registers a service and subscribes to events, on a goroutine of its
// own: ready, called on the loop, says when both are in place.
func (k *brokerLink) offer(service, prefix string, ready func(error)) {
	k.service, k.prefix, k.offered = service, prefix, ready
	c := k.conn()
	go func() {
		for {
			err := k.present(c)
			if err == nil || !k.reconnect || flux.Errno(err) != syscall.EAGAIN {
				k.post(func() { k.presented(c, err) })
				return
			}
			select { // the broker is there, but not at work yet
			case <-time.After(retryFirst):
			case <-k.ctx.Done():
				return
			}
		}
	}()
}

// presented is told how it went. A broker that has gone away meanwhile gets the
// service when it is back.
func (k *brokerLink) presented(c *flux.Client, err error) {
	ready := k.offered
	if ready == nil || err != nil && k.reconnect && c.Err() != nil {
		return
	}
	k.offered = nil
	ready(err)
}

func (k *brokerLink) present(c *flux.Client) error {
	served := make(chan error, 1)
	go func() { served <- k.serve(c) }()
	sub, err := c.Subscribe(k.ctx, k.prefix)
	if err == nil {
		go k.follow(sub)
	}
	return firstError(<-served, err)
}

func (k *brokerLink) serve(c *flux.Client) error {
	return c.Serve(k.ctx, k.service, func(m *flux.Message) {
		if k.ctx.Err() != nil { // the service has just been taken back
			_ = c.Send(m.ErrorResponse(syscall.ENOSYS))
			return
		}
		k.post(func() { k.onRequest(m) })
	})
}

func (k *brokerLink) follow(sub *flux.Subscription) {
	for {
		m, err := sub.Next(k.ctx)
		if err != nil {
			return
		}
		k.post(func() { k.onEvent(m) })
	}
}

// attr asks for a broker attribute, and waits: it is for the start.
func (k *brokerLink) attr(name string) (string, error) { return k.conn().Attr(k.ctx, name) }

// rpc sends a request; done is called with the answer. It survives the loss of
// the broker, so the request must be one that may be made twice.
func (k *brokerLink) rpc(topic string, node uint32, req any, done func(*flux.Message, error)) {
	r := &call{topic: topic, node: node, req: req, done: done}
	k.calls[r] = true
	if k.up {
		k.send(r)
	}
}

func (k *brokerLink) send(r *call) {
	c := k.conn()
	under, err := c.Go(r.topic, r.node, r.req)
	if err != nil {
		k.answered(c, r, nil, err)
		return
	}
	go func() {
		m, err := under.Message(k.ctx)
		k.post(func() { k.answered(c, r, m, err) })
	}()
}

// answered takes a response, or the end of the connection it was awaited on.
func (k *brokerLink) answered(c *flux.Client, r *call, m *flux.Message, err error) {
	if !k.calls[r] || c != k.conn() {
		return
	}
	if err != nil && c.Err() != nil && k.lost == nil {
		return // sent again when the broker is back, or failed when it is lost
	}
	if err != nil && k.lost == nil && k.retry(r, err) {
		return
	}
	delete(k.calls, r)
	r.done(m, err)
}

// notify sends a request that is not answered. While the broker is away it is
// dropped: what must not be lost goes by rpc.
func (k *brokerLink) notify(topic string, node uint32, req any) error {
	return k.conn().Notify(topic, node, req)
}

// respond answers a request that came to the service.
func (k *brokerLink) respond(m *flux.Message, payload any) {
	r := m.Response()
	r.SetValue(payload)
	k.reply(r)
}

func (k *brokerLink) fail(m *flux.Message, err error) { k.reply(m.ErrorResponse(err)) }

func (k *brokerLink) reply(m *flux.Message) {
	_ = k.conn().Send(m) // whoever asked is gone with the broker
}

// ended is told that a connection has ended.
func (k *brokerLink) ended(c *flux.Client) {
	if c != k.conn() || k.ctx.Err() != nil {
		return
	}
	k.up, k.parted = false, true
	if !k.reconnect {
		k.giveUp(c.Err())
		return
	}
	go k.search(k.home)
}

// giveUp fails all that waits.
func (k *brokerLink) giveUp(err error) {
	k.lost = err
	for r := range k.calls {
		delete(k.calls, r)
		r.done(nil, err)
	}
	for _, a := range k.streams {
		a.abandon()
	}
	k.onLost(err)
}

// search looks for the broker until it is there, or the job's directory is not:
// then the instance has been removed, and nobody will ever ask for the job.
func (k *brokerLink) search(home string) {
	for wait := reconnectFirst; ; wait = min(2*wait, reconnectMost) {
		select {
		case <-time.After(wait):
		case <-k.ctx.Done():
			return
		}
		c, err := flux.Open(k.ctx, k.uri)
		if err != nil {
			if _, gone := os.Lstat(home); home != "" && errors.Is(gone, fs.ErrNotExist) {
				k.post(func() { k.giveUp(fmt.Errorf("the instance has been removed with %s", home)) })
				return
			}
			continue
		}
		// What is asked as soon as the service is there is answered here.
		k.mu.Lock()
		k.client = c
		k.mu.Unlock()
		if k.service != "" && k.present(c) != nil {
			c.Close()
			continue
		}
		k.post(func() { k.back(c) })
		return
	}
}

func (k *brokerLink) back(c *flux.Client) {
	k.adopt(c)
	k.up = true
	k.presented(c, nil)
	for r := range k.calls {
		r.again.stop()
		k.send(r)
	}
	k.onBack()
}

// leave ends the traffic and returns the connection, for others to use.
func (k *brokerLink) leave() *flux.Client {
	k.cancel()
	c := k.conn()
	// A connection that has ended fails the next request, too.
	_ = c.Notify("service.remove", flux.NodeAny, map[string]string{"service": k.service})
	_ = c.Notify("event.unsubscribe", flux.NodeAny, map[string]string{"topic": k.prefix})
	return c
}

// close ends the traffic.
func (k *brokerLink) close() {
	k.cancel()
	k.conn().Close()
}

// flush sends what has been appended to streams since the last time.
func (k *brokerLink) flush() {
	for _, a := range k.streams {
		a.flush()
	}
}
