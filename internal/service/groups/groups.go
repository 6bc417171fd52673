// SPDX-License-Identifier: LGPL-3.0-or-later

package groups

import (
	"fmt"
	"maps"
	"slices"
	"syscall"
	"time"

	"goflux/idset"
	core "goflux/internal/core/overlay"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/upstream"
)

// Service is the registration.
var Service = &service.Registration{
	Name:    "groups",
	Builtin: true,
	Methods: []service.Method{
		service.Deferred("groups.update", service.Owner, (*groups).update),
		service.Unary("groups.join", service.Owner, (*groups).join),
		service.Unary("groups.leave", service.Owner, (*groups).leave),
		service.Deferred("groups.get", service.Guests, (*groups).get),
	},
	New: construct,
}

// batchTime is how long changes are collected before they go up.
const batchTime = 10 * time.Millisecond

// groups is the instance.
type groups struct {
	h      service.Host
	byName map[string]*group
	batch  map[string][]rpc.GroupUpdate
	timer  service.Timer
	tree   *core.Subtree // this broker and all below it
	torpid *idset.Set    // children in broker.torpid
}

// group is the members that are at or below this broker.
type group struct {
	members *idset.Set
	joined  string // the client of this broker that joined, "" for none
	streams service.Streams[struct{}]
}

func construct(h service.Host, _ []string) (any, error) {
	g := &groups{h: h, byName: map[string]*group{}, batch: map[string][]rpc.GroupUpdate{}, torpid: idset.New()}
	h.Request(service.Request{Topic: "overlay.topology", NodeID: message.NodeAny, Payload: rpc.OverlayRank{Rank: h.Rank()}},
		func(m *message.Message) {
			var t core.Subtree
			err := m.Err()
			if err == nil {
				err = m.Decode(&t)
			}
			if err != nil {
				h.Fail(fmt.Errorf("overlay.topology: %w", err))
				return
			}
			g.tree = &t
			h.SetRunning()
		})
	h.Request(service.Request{Topic: "overlay.monitor", NodeID: message.NodeAny, Flags: message.FlagStreaming},
		func(m *message.Message) {
			var p rpc.OverlayPeer
			if m.Err() == nil && m.Decode(&p) == nil {
				g.peerChanged(&p)
			}
		})
	if h.Rank() != 0 {
		upstream.OnBack(h, g.tellAll)
	}
	return g, nil
}

// tellAll tells the parent, who knows nothing of what was before it was back,
// who is in which group.
func (g *groups) tellAll() {
	g.flush()
	all := map[string][]rpc.GroupUpdate{}
	for name, gr := range g.byName {
		if !gr.members.Empty() {
			all[name] = []rpc.GroupUpdate{{Ranks: gr.members.String(), Set: true}}
		}
	}
	g.sendUp(all)
}

func (g *groups) sendUp(batch map[string][]rpc.GroupUpdate) {
	if g.h.Rank() != 0 && len(batch) > 0 {
		g.h.Request(service.Request{Topic: "groups.update", NodeID: message.NodeUpstream, Payload: rpc.GroupUpdates{Update: batch}}, nil)
	}
}

// Start puts off running until the overlay has told what is below.
func (g *groups) Start() {}

func (g *groups) group(name string) *group {
	gr := g.byName[name]
	if gr == nil {
		gr = &group{members: idset.New()}
		g.byName[name] = gr
	}
	return gr
}

// note adds a change to the batch.
func (g *groups) note(name string, updates ...rpc.GroupUpdate) {
	g.batch[name] = append(g.batch[name], updates...)
	if g.timer == nil {
		g.timer = g.h.After(batchTime, g.flush)
	}
}

// flush applies the batch here and sends it up.
func (g *groups) flush() {
	if g.timer != nil {
		g.timer.Stop()
		g.timer = nil
	}
	if len(g.batch) == 0 {
		return
	}
	batch := g.batch
	g.batch = map[string][]rpc.GroupUpdate{}
	for _, name := range slices.Sorted(maps.Keys(batch)) {
		batch[name] = g.apply(name, batch[name])
	}
	g.sendUp(batch)
}

// apply changes a group and returns the changes, those of one kind in a row
// taken together.
func (g *groups) apply(name string, updates []rpc.GroupUpdate) []rpc.GroupUpdate {
	gr := g.group(name)
	var reduced []rpc.GroupUpdate
	var sum *idset.Set
	for _, u := range updates {
		ranks, err := idset.Parse(u.Ranks)
		if err != nil {
			g.h.Log().Error("malformed group update", "group", name, "ranks", u.Ranks, "err", err)
			continue
		}
		if u.Set {
			gr.members.AddSet(ranks)
		} else {
			gr.members.RemoveSet(ranks)
		}
		if n := len(reduced); n > 0 && reduced[n-1].Set == u.Set {
			sum.AddSet(ranks)
			reduced[n-1].Ranks = sum.String()
			continue
		}
		sum = ranks
		reduced = append(reduced, rpc.GroupUpdate{Ranks: sum.String(), Set: u.Set})
	}
	members := rpc.GroupMembers{Members: gr.members.String()}
	for st := range gr.streams.All() {
		st.Respond(members)
	}
	return reduced
}

// update takes in a child's batch. It has no answer.
func (g *groups) update(_ *service.Call, req *rpc.GroupUpdates) {
	for name, u := range req.Update {
		g.note(name, u...)
	}
}

func (g *groups) self(set bool) rpc.GroupUpdate {
	return rpc.GroupUpdate{Ranks: idset.New(g.h.Rank()).String(), Set: set}
}

// errNoName refuses a request that names no group.
var errNoName = message.Errorf(syscall.EPROTO, "the name of a group is missing")

func (g *groups) join(c *service.Call, req *rpc.GroupName) (any, error) {
	if req.Name == "" {
		return nil, errNoName
	}
	if !c.Cred().IsLocal() {
		return nil, message.Errorf(syscall.EPROTO, "groups.join is restricted to the local broker")
	}
	gr := g.group(req.Name)
	if gr.joined != "" {
		return nil, message.Errorf(syscall.EEXIST, "rank %d is already a member of %s", g.h.Rank(), req.Name)
	}
	gr.joined = c.Msg.Sender()
	g.note(req.Name, g.self(true))
	return nil, nil
}

func (g *groups) leave(c *service.Call, req *rpc.GroupName) (any, error) {
	if req.Name == "" {
		return nil, errNoName
	}
	if !c.Cred().IsLocal() {
		return nil, message.Errorf(syscall.EPROTO, "groups.leave is restricted to the local broker")
	}
	gr := g.byName[req.Name]
	if gr == nil || gr.joined == "" {
		return nil, message.Errorf(syscall.ENOENT, "rank %d is not a member of %s", g.h.Rank(), req.Name)
	}
	gr.joined = ""
	g.note(req.Name, g.self(false))
	return nil, nil
}

// get is for the leader, who alone knows all members.
func (g *groups) get(c *service.Call, req *rpc.GroupName) {
	if req.Name == "" {
		c.Fail(errNoName)
		return
	}
	if g.h.Rank() != 0 {
		c.Fail(message.Errorf(syscall.EPROTO, "this RPC is only available on rank 0"))
		return
	}
	gr := g.group(req.Name)
	c.Respond(rpc.GroupMembers{Members: gr.members.String()})
	if c.Streaming() {
		gr.streams.Add(c, struct{}{})
	}
}

// peerChanged follows a child: one that has gone leaves all groups, with all
// that are below it; one that is torpid joins broker.torpid.
func (g *groups) peerChanged(p *rpc.OverlayPeer) {
	g.flush()
	switch p.Status {
	case core.Lost.String(), core.Offline.String():
		g.gone(p.Rank)
	default:
		g.setTorpid(p.Rank, p.Torpid)
	}
}

func (g *groups) gone(rank uint32) {
	below := idset.New()
	for _, t := range g.tree.Children {
		if t.Rank == rank {
			collect(below, t)
		}
	}
	g.torpid.RemoveSet(below)
	for name, gr := range g.byName {
		if leaving := gr.members.Intersect(below); !leaving.Empty() {
			g.note(name, rpc.GroupUpdate{Ranks: leaving.String(), Set: false})
		}
	}
}

func collect(into *idset.Set, t *core.Subtree) {
	into.Add(t.Rank)
	for _, c := range t.Children {
		collect(into, c)
	}
}

func (g *groups) setTorpid(rank uint32, torpid bool) {
	if torpid == g.torpid.Contains(rank) {
		return
	}
	if torpid {
		g.torpid.Add(rank)
	} else {
		g.torpid.Remove(rank)
	}
	g.note("broker.torpid", rpc.GroupUpdate{Ranks: idset.New(rank).String(), Set: torpid})
}

// Disconnect takes a client that is gone out of its groups.
func (g *groups) Disconnect(sender string) {
	g.flush()
	for name, gr := range g.byName {
		if gr.joined == sender {
			gr.joined = ""
			g.note(name, g.self(false))
		}
		gr.streams.Disconnect(sender, nil)
	}
}

// Stats tells the members of each group at and below this broker.
func (g *groups) Stats() any {
	subtree := map[string]string{}
	for name, gr := range g.byName {
		subtree[name] = gr.members.String()
	}
	return map[string]any{"subtree": subtree}
}
