// SPDX-License-Identifier: LGPL-3.0-or-later

package broker_test

import (
	"testing"

	"goflux/internal/message"
	"goflux/internal/service"
	"goflux/internal/testkit/host"
)

// relayed is a service that lives on the leader, and counts farewells.
type relayed struct{ gone chan string }

func (r *relayed) Disconnect(sender string) { r.gone <- sender }

// TestRelayByRank: a request to the follower's face of a service that lives on
// the leader is answered by the leader, and so is a farewell: they do not go
// back and forth.
func TestRelayByRank(t *testing.T) {
	gone := make(chan string, 1)
	there := func(service.Host, []string) (any, error) { return &relayed{gone}, nil }
	leader := host.Start(t, host.Options{Size: 2})
	follower := host.Start(t, host.Options{Rank: 1, Size: 2})
	host.Link(leader.Broker, follower.Broker)
	leader.Load(&service.Registration{
		Name: "far", New: there,
		Methods: []service.Method{service.Raw("far.ask", service.Owner, func(_ *relayed, c *service.Call) { c.Respond("here") })},
	})
	follower.Load(&service.Registration{
		Name: "far", Relay: true, New: func(service.Host, []string) (any, error) { return new(struct{}), nil },
	})
	c := leader.Owner()
	var answer string
	m := c.SendTo(1, "far.ask", nil, 0).Next()
	if err := m.Err(); err != nil {
		t.Fatal(err)
	}
	if err := m.Decode(&answer); err != nil || answer != "here" {
		t.Errorf("%q, %v", answer, err)
	}
	c.SendTo(1, "far.disconnect", nil, message.FlagNoResponse)
	<-gone
}
