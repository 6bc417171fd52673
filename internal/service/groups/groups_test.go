// SPDX-License-Identifier: LGPL-3.0-or-later

package groups_test

import (
	"errors"
	"syscall"
	"testing"

	core "goflux/internal/core/overlay"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/service/groups"
	"goflux/internal/testkit/host"
)

// tree stands for the overlay: a leader with two followers.
type tree struct{ monitors service.Streams[struct{}] }

func treeService() *service.Registration {
	return &service.Registration{
		Name: "overlay",
		New:  func(service.Host, []string) (any, error) { return &tree{}, nil },
		Methods: []service.Method{
			service.Unary("overlay.topology", service.Owner, func(_ *tree, _ *service.Call, r *rpc.OverlayRank) (any, error) {
				t := core.Subtree{Rank: r.Rank}
				if r.Rank == 0 {
					t.Children = []*core.Subtree{{Rank: 1}, {Rank: 2}}
				}
				return t, nil
			}),
			service.Deferred("overlay.monitor", service.Owner, func(o *tree, c *service.Call, _ *struct{}) {
				o.monitors.Add(c, struct{}{})
			}),
			service.Deferred("overlay.tell", service.Owner, func(o *tree, c *service.Call, p *rpc.OverlayPeer) {
				for m := range o.monitors.All() {
					m.Respond(p)
				}
				c.Respond(nil)
			}),
		},
	}
}

func start(t *testing.T, rank uint32) *host.Broker {
	t.Helper()
	b := host.Start(t, host.Options{Rank: rank, Size: 3})
	b.Load(treeService())
	b.Load(groups.Service)
	return b
}

// expect waits for a group to have the members.
func expect(t *testing.T, s *host.Stream, members string) {
	t.Helper()
	for {
		m := s.Next()
		var got rpc.GroupMembers
		if err := errors.Join(m.Err(), m.Decode(&got)); err != nil {
			t.Fatalf("waiting for %q: %v", members, err)
		}
		if got.Members == members {
			return
		}
	}
}

// Joins of all brokers come together at the leader; whoever is lost leaves.
func TestGroups(t *testing.T) {
	leader, follower := start(t, 0), start(t, 1)
	host.Link(leader.Broker, follower.Broker)
	me := leader.Owner()
	g := me.Stream("groups.get", rpc.GroupName{Name: "g"})
	expect(t, g, "")
	if err := me.RPC("groups.join", rpc.GroupName{Name: "g"}, nil); err != nil {
		t.Fatal(err)
	}
	expect(t, g, "0")
	if err := follower.Owner().RPC("groups.join", rpc.GroupName{Name: "g"}, nil); err != nil {
		t.Fatal(err)
	}
	expect(t, g, "0-1")
	if err := me.RPC("groups.join", rpc.GroupName{Name: "g"}, nil); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("joined twice: %v", err)
	}
	if err := me.RPC("overlay.tell", rpc.OverlayPeer{Rank: 1, Status: core.Lost.String()}, nil); err != nil {
		t.Fatal(err)
	}
	expect(t, g, "0")
	if err := me.RPC("groups.leave", rpc.GroupName{Name: "g"}, nil); err != nil {
		t.Fatal(err)
	}
	expect(t, g, "")
	if err := me.RPC("groups.leave", rpc.GroupName{Name: "g"}, nil); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("left twice: %v", err)
	}
}

// A child that does not answer is in broker.torpid as long as that lasts.
func TestTorpid(t *testing.T) {
	leader := start(t, 0)
	me := leader.Owner()
	g := me.Stream("groups.get", rpc.GroupName{Name: "broker.torpid"})
	expect(t, g, "")
	for _, torpid := range []bool{true, false} {
		p := rpc.OverlayPeer{Rank: 2, Status: core.Full.String(), Torpid: torpid}
		if err := me.RPC("overlay.tell", p, nil); err != nil {
			t.Fatal(err)
		}
		expect(t, g, map[bool]string{true: "2", false: ""}[torpid])
	}
}

func TestRefusals(t *testing.T) {
	follower := start(t, 1)
	for _, topic := range []string{"groups.join", "groups.leave", "groups.get"} {
		if err := follower.Owner().RPC(topic, rpc.GroupName{}, nil); !errors.Is(err, syscall.EPROTO) {
			t.Errorf("%s without a name: %v", topic, err)
		}
	}
	if err := follower.Owner().RPC("groups.get", rpc.GroupName{Name: "g"}, nil); !errors.Is(err, syscall.EPROTO) {
		t.Errorf("groups.get on a follower: %v", err)
	}
	if err := follower.Guest(1234).RPC("groups.join", rpc.GroupName{Name: "g"}, nil); !errors.Is(err, syscall.EPERM) {
		t.Errorf("a guest joins: %v", err)
	}
}
