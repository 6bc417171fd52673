// SPDX-License-Identifier: LGPL-3.0-or-later

package overlay

import (
	"fmt"
	"syscall"
	"time"

	"goflux/fsd"
	"goflux/internal/core/lifecycle"
	core "goflux/internal/core/overlay"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// update takes in a child's new status and tells all who want to know.
func (o *overlay) update(p *core.Peer, s core.Status, reason string) {
	c := o.peers.Update(p, s, reason, o.h.Now())
	if !c.Changed {
		return
	}
	if c.Left {
		o.drop(p.Rank)
	}
	if c.Subtree && o.parent != nil {
		status, _ := o.peers.Status()
		o.parent.control(controlStatus, uint32(status))
	}
	o.notify(p)
	for st := range o.healthStreams.All() {
		st.Respond(o.healthNow())
	}
}

// drop ends a child's link: what it had not answered fails.
func (o *overlay) drop(rank uint32) {
	c := o.child(rank)
	if c == nil {
		return
	}
	o.setChild(rank, nil)
	o.router.Detach(c.uuid)
	c.fail()
}

// notify tells those who monitor children, and the state machine when the last
// has left.
func (o *overlay) notify(p *core.Peer) {
	for st := range o.monitorStreams.All() {
		st.Respond(peerOf(p))
	}
	if o.state == lifecycle.Shutdown && len(o.peers.All()) > 0 && o.peers.Online() == 0 {
		o.post("children-complete", false)
	}
}

func peerOf(p *core.Peer) rpc.OverlayPeer {
	return rpc.OverlayPeer{Rank: p.Rank, Status: p.Status.String(), Torpid: p.Torpid}
}

func (o *overlay) logTorpid(p *core.Peer, now time.Time) {
	text := fmt.Sprintf("broker on %s (rank %d) is responsive now", o.host(p.Rank), p.Rank)
	if p.Torpid {
		text = fmt.Sprintf("broker on %s (rank %d) has been unresponsive for %s",
			o.host(p.Rank), p.Rank, fsd.FormatDuration(p.Silence(now)))
	}
	o.h.Log().Error(text)
}

func (o *overlay) healthNow() rpc.OverlayHealth {
	now := o.h.Now()
	status, since := o.peers.Status()
	a := rpc.OverlayHealth{
		Rank: o.h.Rank(), Status: status.String(), Duration: now.Sub(since).Seconds(),
		Children: []rpc.ChildHealth{},
	}
	for _, p := range o.peers.All() {
		c := rpc.ChildHealth{Rank: p.Rank, Status: p.Status.String(), Duration: now.Sub(p.Since).Seconds()}
		if !p.Status.Online() {
			c.Error = p.Error
		}
		a.Children = append(a.Children, c)
	}
	return a
}

func (o *overlay) health(c *service.Call, _ *rpc.Empty) {
	c.Respond(o.healthNow())
	if c.Streaming() {
		o.healthStreams.Add(c, struct{}{})
	}
}

func (o *overlay) topology(_ *service.Call, req *rpc.OverlayRank) (any, error) {
	if req.Rank != o.h.Rank() && o.peers.Get(req.Rank) == nil {
		return nil, message.Errorf(syscall.ENOENT, "requested rank is not this broker or its direct child")
	}
	return o.w.Topology.Subtree(req.Rank), nil
}

// monitor leaves out the children that are offline: that is what to assume of
// those that are not mentioned.
func (o *overlay) monitor(c *service.Call, _ *rpc.Empty) {
	if !c.Streaming() {
		c.Fail(syscall.EPROTO)
		return
	}
	for _, p := range o.peers.All() {
		if p.Status != core.Offline || p.Torpid {
			c.Respond(peerOf(p))
		}
	}
	o.monitorStreams.Add(c, struct{}{})
}

func (o *overlay) disconnectSubtree(_ *service.Call, req *rpc.OverlayRank) (any, error) {
	p := o.peers.Get(req.Rank)
	if p == nil {
		return nil, message.Errorf(syscall.ENOENT, "requested rank is not this broker's direct child")
	}
	c := o.child(req.Rank)
	if c == nil || !p.Status.Online() {
		return nil, message.Errorf(syscall.EINVAL, "rank %d is already %s", req.Rank, p.Status)
	}
	c.control(controlDisconnect, 0)
	o.logLost(p.Rank, "disconnected by request")
	o.update(p, core.Lost, "administrative disconnect")
	return nil, nil
}

// logLost says which nodes cannot be reached any more.
func (o *overlay) logLost(rank uint32, why string) {
	text := fmt.Sprintf("%s (rank %d) %s", o.host(rank), rank, why)
	if n := o.w.Topology.Descendants(rank); n > 0 {
		text += fmt.Sprintf(" and severed contact with %d other nodes", n)
	}
	o.h.Log().Error(text)
}

func (o *overlay) disconnectParent(_ *service.Call, req *rpc.OverlayReason) (any, error) {
	if o.parent == nil {
		return nil, message.Errorf(syscall.EINVAL, "no parent connection")
	}
	switch {
	case !o.w.Returns:
		o.logCritical("disconnecting: " + req.Reason)
		o.parentGone()
	case o.parent.connected(): // else it is being looked for already
		o.parent.away("is given up: " + req.Reason)
	}
	return nil, nil
}

// parentWait is for those who have something to do each time that the parent is
// back.
func (o *overlay) parentWait(c *service.Call, req *rpc.OverlayParentWait) {
	if o.parent == nil {
		c.Fail(message.Errorf(syscall.EINVAL, "no parent connection"))
		return
	}
	if !o.parent.answerWait(c, req.After) {
		o.parent.waiters.Add(c, req.After)
	}
}

func (o *overlay) stats(*service.Call, *rpc.Empty) (any, error) {
	a := rpc.OverlayStats{ChildCount: len(o.peers.All()), ChildConnected: o.peers.Online()}
	o.mu.RLock()
	for _, c := range o.children {
		a.ChildRPC += c.sent.Len()
	}
	o.mu.RUnlock()
	if o.parent != nil {
		a.ParentCount, a.ParentRPC = 1, o.parent.sent.Len()
	}
	return a, nil
}
