// SPDX-License-Identifier: LGPL-3.0-or-later

package broker_test

import (
	"strings"
	"testing"

	"goflux/flux"
	"goflux/internal/link"
	"goflux/internal/message"
	"goflux/internal/service"
)

// guestbook tells who has asked and who has left.
func guestbook(seen chan<- string) *service.Registration {
	return &service.Registration{
		Name: "book",
		New:  func(service.Host, []string) (any, error) { return &visitors{seen: seen}, nil },
		Methods: []service.Method{
			service.Deferred("book.stay", service.Guests, func(v *visitors, c *service.Call, _ *struct{}) { v.seen <- "came " + c.Msg.Sender() }),
			service.Unary("book.look", service.Guests, func(v *visitors, c *service.Call, _ *struct{}) (any, error) {
				return visitor{c.Msg.Sender()}, nil
			}),
		},
	}
}

type visitors struct{ seen chan<- string }

func (v *visitors) Disconnect(sender string) { v.seen <- "left " + sender }

// A module that ends says farewell to whom it has asked.
func TestModuleSaysFarewell(t *testing.T) {
	b, c, _ := start(t)
	seen := make(chan string, 10)
	load(t, b, guestbook(seen))
	load(t, b, &service.Registration{
		Name: "visitor",
		New: func(h service.Host, _ []string) (any, error) {
			h.Request(service.Request{Topic: "book.stay", NodeID: 0}, func(*message.Message) {})
			return struct{}{}, nil
		},
	})
	came := <-seen
	if err := c.RPC(t.Context(), "module.remove", flux.NodeAny, map[string]string{"name": "visitor"}, nil); err != nil {
		t.Fatal(err)
	}
	if left := <-seen; strings.TrimPrefix(left, "left ") != strings.TrimPrefix(came, "came ") {
		t.Errorf("%s, but %s", came, left)
	}
}

// Clients of a client that passes messages on are told apart, cannot pose as
// others, and their requests end with the connection.
func TestClientsOfClient(t *testing.T) {
	b, c, uri := start(t)
	seen := make(chan string, 10)
	load(t, b, guestbook(seen))
	var me visitor
	if err := c.RPC(t.Context(), "book.look", flux.NodeAny, nil, &me); err != nil {
		t.Fatal(err)
	}
	nc, err := flux.Dial(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	s := link.NewStream(nc, 0)
	look := func(routes ...string) string {
		t.Helper()
		m := message.NewRequest("book.look", message.NodeAny, nil)
		m.Matchtag = 7
		for _, r := range routes {
			m = m.PushRoute(r)
		}
		_ = s.Send(m)
		r, err := s.Recv()
		if err != nil {
			t.Fatal(err)
		}
		var a visitor
		if err := r.Decode(&a); err != nil || strings.Join(r.Routes, " ") != strings.Join(routes, " ") {
			t.Fatalf("%v, answer by %q", err, r.Routes)
		}
		return a.Sender
	}
	plain, one, two := look(), look("one"), look("two", "three")
	if one == two || one == plain || !strings.HasPrefix(one, plain+"/") || look(me.Sender) == me.Sender {
		t.Errorf("senders %q, %q, %q", plain, one, two)
	}
	stay := message.NewRequest("book.stay", message.NodeAny, nil).PushRoute("one")
	stay.Matchtag = 8
	_ = s.Send(stay)
	if came := <-seen; came != "came "+one {
		t.Errorf("%s, want %s", came, one)
	}
	s.Close()
	gone := map[string]bool{}
	for !gone["left "+one] {
		gone[<-seen] = true
	}
}

// visitor answers book.look.
type visitor struct {
	Sender string `json:"sender"`
}
