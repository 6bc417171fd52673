// SPDX-License-Identifier: LGPL-3.0-or-later

package broker_test

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"syscall"
	"testing"

	"goflux/flux"
	"goflux/internal/broker"
	"goflux/internal/service"
)

// echo is a service for the tests below.
type echo struct {
	h    service.Host
	open service.Streams[struct{}]
}

type text struct {
	Text string `json:"text"`
}

var echoService = &service.Registration{
	Name: "echo",
	New:  func(h service.Host, _ []string) (any, error) { return &echo{h: h}, nil },
	Methods: []service.Method{
		service.Unary("echo.say", service.Guests, func(_ *echo, _ *service.Call, r *text) (any, error) { return r, nil }),
		service.Unary("echo.owner", service.Owner, func(_ *echo, _ *service.Call, r *text) (any, error) { return r, nil }),
		service.Deferred("echo.count", service.Guests, func(_ *echo, c *service.Call, r *struct{ N int }) {
			for i := range r.N {
				c.Respond(map[string]int{"i": i})
			}
			c.End()
		}),
		service.Deferred("echo.hang", service.Guests, func(e *echo, c *service.Call, _ *struct{}) { e.open.Add(c, struct{}{}) }),
		service.Deferred("echo.panic", service.Guests, func(*echo, *service.Call, *struct{}) { panic("boom") }),
	},
}

// start runs a broker of size one with a socket, and returns a client of it.
func start(t *testing.T) (*broker.Broker, *flux.Client, string) {
	t.Helper()
	attrs := broker.NewAttrs()
	uri := "local://" + filepath.Join(t.TempDir(), "local")
	attrs.Put("local-uri", uri)
	b := broker.New(broker.Options{Size: 1, Attrs: attrs, Stderr: io.Discard, Services: []*service.Registration{echoService}})
	b.Online()
	t.Cleanup(b.Close)
	load(t, b, broker.ConnectorLocal(b))
	c, err := flux.Open(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.RPC(t.Context(), "module.load", flux.NodeAny, map[string]any{"path": "echo", "args": []string{}}, nil); err != nil {
		t.Fatal(err)
	}
	return b, c, uri
}

func load(t *testing.T, b *broker.Broker, r *service.Registration) {
	t.Helper()
	ready := make(chan error, 1)
	b.Modules().Load(r, r.Name, "builtin", nil, func(err error) { ready <- err })
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
}

func TestRPC(t *testing.T) {
	_, c, _ := start(t)
	ctx := t.Context()
	var got text
	if err := c.RPC(ctx, "echo.say", flux.NodeAny, text{"hi"}, &got); err != nil || got.Text != "hi" {
		t.Errorf("say: %+v, %v", got, err)
	}
	for topic, want := range map[string]syscall.Errno{
		"nosuch.x": syscall.ENOSYS, "echo.nosuch": syscall.ENOSYS,
	} {
		if err := c.RPC(ctx, topic, flux.NodeAny, nil, nil); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", topic, err, want)
		}
	}
	if err := c.RPC(ctx, "echo.say", 7, text{}, nil); !errors.Is(err, syscall.EHOSTUNREACH) {
		t.Errorf("rank 7: %v", err)
	}
	if err := c.RPC(ctx, "echo.say", flux.NodeAny, []byte("junk\x00"), nil); !errors.Is(err, syscall.EPROTO) {
		t.Errorf("malformed payload: %v", err)
	}
	if size, err := c.Size(ctx); err != nil || size != 1 {
		t.Errorf("size %d, %v", size, err)
	}
}

func TestStream(t *testing.T) {
	_, c, _ := start(t)
	s, err := c.Stream("echo.count", flux.NodeAny, map[string]int{"N": 3})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for {
		var r struct {
			I int `json:"i"`
		}
		err := s.Get(t.Context(), &r)
		if err == io.EOF {
			break
		}
		if err != nil || r.I != n {
			t.Fatalf("response %d: %+v, %v", n, r, err)
		}
		n++
	}
	if n != 3 {
		t.Errorf("%d responses", n)
	}
}

func TestEvents(t *testing.T) {
	_, c, _ := start(t)
	ctx := t.Context()
	sub, err := c.Subscribe(ctx, "foo")
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range []string{"bar", "foo.a", "foobar"} {
		if _, err := c.Publish(ctx, topic, text{topic}, 0); err != nil {
			t.Fatal(err)
		}
	}
	var last uint32
	for _, want := range []string{"foo.a", "foobar"} {
		ev, err := sub.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var got text
		if err := ev.Decode(&got); err != nil || ev.Topic != want || got.Text != want || ev.Sequence <= last {
			t.Errorf("event %v seq %d: %+v, %v", ev, ev.Sequence, got, err)
		}
		last = ev.Sequence
	}
	if err := sub.Close(ctx); err != nil {
		t.Error(err)
	}
}

// A request whose service goes away is answered; the broker outlives a panic.
func TestModuleGoesAway(t *testing.T) {
	b, c, _ := start(t)
	ctx := t.Context()
	hang, err := c.Go("echo.hang", flux.NodeAny, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.RPC(ctx, "module.remove", flux.NodeAny, map[string]string{"name": "echo"}, nil); err != nil {
		t.Fatal(err)
	}
	if err := hang.Get(ctx, nil); !errors.Is(err, syscall.ENOSYS) {
		t.Errorf("pending request: %v", err)
	}
	if b.Modules().Loaded("echo") {
		t.Error("echo is still loaded")
	}
	load(t, b, echoService)
	if err := c.RPC(ctx, "echo.panic", flux.NodeAny, nil, nil); !errors.Is(err, syscall.ENOSYS) {
		t.Errorf("panic: %v", err)
	}
	if _, err := c.Attr(ctx, "rank"); err != nil {
		t.Errorf("the broker is gone: %v", err)
	}
}

func TestModuleErrors(t *testing.T) {
	_, c, _ := start(t)
	for _, tc := range []struct {
		topic string
		req   any
		want  syscall.Errno
	}{
		{"module.load", map[string]any{"path": "echo", "args": []string{}}, syscall.EEXIST},
		{"module.load", map[string]any{"path": "nosuch", "args": []string{}}, syscall.ENOENT},
		{"module.remove", map[string]any{"name": "nosuch"}, syscall.ENOENT},
		{"module.remove", map[string]any{"name": "connector-local"}, syscall.EINVAL},
		{"attr.set", map[string]any{"name": "rank", "value": "3"}, syscall.EINVAL},
		{"attr.get", map[string]any{"name": "nope"}, syscall.ENOENT},
	} {
		if err := c.RPC(t.Context(), tc.topic, flux.NodeAny, tc.req, nil); !errors.Is(err, tc.want) {
			t.Errorf("%s %v: %v, want %v", tc.topic, tc.req, err, tc.want)
		}
	}
}

// Two clients: one serves, the other calls; the server's end fails the call.
func TestClientService(t *testing.T) {
	_, c, uri := start(t)
	ctx := t.Context()
	srv, err := flux.Open(ctx, uri)
	if err != nil {
		t.Fatal(err)
	}
	err = srv.Serve(ctx, "mine", func(m *flux.Message) {
		if m.Topic == "mine.x" {
			r := m.Response()
			r.SetValue(text{"served"})
			_ = srv.Send(r)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	var got text
	if err := c.RPC(ctx, "mine.x", flux.NodeAny, nil, &got); err != nil || got.Text != "served" {
		t.Errorf("%+v, %v", got, err)
	}
	hang, err := c.Go("mine.never", flux.NodeAny, nil)
	if err != nil {
		t.Fatal(err)
	}
	srv.Close()
	if err := hang.Get(ctx, nil); !errors.Is(err, syscall.ENOSYS) {
		t.Errorf("call to a client that left: %v", err)
	}
}

// A guest may call what is open to guests; to get one, the owner sends as one,
// naming another user or the roles alone.
func TestRoles(t *testing.T) {
	t.Run("user and roles", func(t *testing.T) {
		t.Setenv("FLUX_HANDLE_USERID", "9999")
		testGuest(t)
	})
	t.Run("roles", testGuest)
}

func testGuest(t *testing.T) {
	t.Setenv("FLUX_HANDLE_ROLEMASK", "2")
	attrs := broker.NewAttrs()
	uri := "local://" + filepath.Join(t.TempDir(), "local")
	attrs.Put("local-uri", uri)
	b := broker.New(broker.Options{Size: 1, Attrs: attrs, Stderr: io.Discard})
	b.Online()
	t.Cleanup(b.Close)
	load(t, b, broker.ConnectorLocal(b))
	load(t, b, echoService)
	c, err := flux.Open(context.Background(), uri)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.RPC(t.Context(), "echo.say", flux.NodeAny, text{}, nil); err != nil {
		t.Errorf("say: %v", err)
	}
	for _, topic := range []string{"echo.owner", "log.clear", "module.remove"} {
		if err := c.RPC(t.Context(), topic, flux.NodeAny, text{}, nil); !errors.Is(err, syscall.EPERM) {
			t.Errorf("%s: %v, want EPERM", topic, err)
		}
	}
	if err := c.RPC(t.Context(), "service.add", flux.NodeAny, map[string]string{"service": "kvs"}, nil); !errors.Is(err, syscall.EPERM) {
		t.Errorf("service.add: %v", err)
	}
}
