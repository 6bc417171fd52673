// SPDX-License-Identifier: LGPL-3.0-or-later

package sim

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	router "goflux/internal/broker"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/service/content"
	"goflux/internal/service/contentsqlite"
	"goflux/internal/service/groups"
	"goflux/internal/service/heartbeat"
	"goflux/internal/service/jobagent"
	"goflux/internal/service/jobexec"
	"goflux/internal/service/jobs"
	"goflux/internal/service/kvs"
	"goflux/internal/service/resource"
	"goflux/internal/service/sched"
)

// node is a machine of the cluster. It outlives its brokers.
type node struct {
	w    *world
	rank uint32
	a    *actor

	broker *broker // the one that runs, or nil
	off    bool    // it has no power
	paused bool    // its broker is stopped by a signal
	resume []func()
	behind time.Duration // of its clock, to be added

	disk  *disk // of the leader
	procs *processes
	boots int
}

// broker is one life of a broker.
type broker struct {
	w      *world
	node   *node
	uuid   string
	router *router.Router
	attrs  map[string]string
	log    *slog.Logger

	modules []*module
	groups  map[string]*module
	overlay *overlay
	clients []*client
	ends    []*end // of connections
	online  bool   // all modules run
	leaving bool
	dead    bool
}

// ownerCred is that of the instance's owner, and of every service.
var ownerCred = message.Cred{UserID: uint32(os.Getuid()), Rolemask: message.RoleOwner | message.RoleLocal}

func (n *node) host() string { return fmt.Sprintf("node%d", n.rank) }

// clock is what the node's clock shows.
func (n *node) clock() time.Time {
	return instant(epoch.Add(n.w.now+n.behind), n.w.now)
}

// whenResumed has fn happen when the broker goes on.
func (n *node) whenResumed(a *actor, fn func()) {
	n.resume = append(n.resume, func() { n.w.after(a, a.between(0, quickTurn), fn) })
}

func (n *node) pause() {
	if n.broker != nil && !n.paused {
		n.w.note("pause", n.rank)
		n.paused = true
	}
}

func (n *node) unpause() {
	if !n.paused {
		return
	}
	n.w.note("resume", n.rank)
	n.paused = false
	waiting := n.resume
	n.resume = nil
	for _, fn := range waiting {
		fn()
	}
}

// start starts the node's broker, as the system's service manager does.
func (n *node) start() {
	if n.broker != nil || n.off {
		return
	}
	n.boots++
	b := &broker{w: n.w, node: n, uuid: n.w.newID(), groups: map[string]*module{}}
	n.broker = b
	n.w.note("start", n.rank)
	b.router = router.NewRouter(n.rank, b.uuid)
	b.log = slog.New(&logHandler{w: n.w, rank: n.rank})
	b.attrs = map[string]string{
		"rank": fmt.Sprint(n.rank), "size": fmt.Sprint(len(n.w.nodes)), "broker.uuid": b.uuid,
		"hostname": n.host(), "hostlist": n.w.tree.hosts, "rundir": "/run", "local-uri": "local:///run/local",
		"content.hash": "sha1", "security.owner": fmt.Sprint(ownerCred.UserID), "instance-level": "0", "broker.boot-method": "config",
	}
	if n.rank == 0 {
		b.attrs["statedir"] = "/state"
		if err := n.disk.open(b); err != nil {
			n.w.fail("the store does not open: %v", err)
			return
		}
	}
	b.overlay = newOverlay(b)
	b.loadAll(b.registrations())
}

// registrations are the services, in the order of loading.
func (b *broker) registrations() []*service.Registration {
	has := b.node.inventory()
	agent := jobagent.On(func(h service.Host) jobagent.Node { return &agentNode{h: h, p: b.node.procs} })
	all := []*service.Registration{b.moduleService(), b.overlay.registration(), groups.Service, heartbeat.Service, content.Service()}
	if b.node.rank != 0 {
		all = append(all, kvs.Follower(), resource.FollowerOn(has), agent)
		return append(all, jobs.Follower()...)
	}
	all = append(all, contentsqlite.Service(), kvs.Leader(), resource.LeaderOn(has), agent)
	all = append(all, jobs.Leader()...)
	return append(all, sched.Simple(), jobexec.Registration())
}

// loadAll loads one after the other, and then lets users in.
func (b *broker) loadAll(regs []*service.Registration) {
	if b.dead {
		return
	}
	if len(regs) == 0 {
		b.online = true
		b.w.note("online", b.node.rank)
		b.newClient().request("groups.join", rpc.GroupName{Name: "broker.online"}, 0, func(m *message.Message) {
			if err := m.Err(); err != nil && !b.leaving {
				b.w.fail("rank %d: joining broker.online: %v", b.node.rank, err)
			}
		})
		b.node.procs.brokerOnline()
		b.w.check.online(b)
		return
	}
	b.load(regs[0], func(err error) {
		if err != nil {
			b.failed(regs[0].Name, err)
			return
		}
		b.loadAll(regs[1:])
	})
}

// failed is a module that ended by itself: the broker ends, and is restarted.
func (b *broker) failed(name string, err error) {
	if b.dead || b.leaving {
		return
	}
	b.w.note("failed", b.node.rank, name, err)
	b.log.Error("module failed", "svc", name, "err", err)
	b.w.check.moduleFailed(b, name, err)
	b.leave()
}

// exited is told by a module that has ended.
func (b *broker) exited(m *module) {
	for i := range b.modules {
		if b.modules[i] == m {
			b.modules = append(b.modules[:i:i], b.modules[i+1:]...)
			break
		}
	}
	if m.reg.Group != "" {
		delete(b.groups, m.reg.Group)
	}
	if m.onReady != nil {
		ready := m.onReady
		m.onReady = nil
		ready(m.failure)
	} else if len(m.onGone) == 0 && m.failure != nil {
		b.failed(m.name, m.failure)
	}
	for _, fn := range m.onGone {
		fn()
	}
}

// How long a broker takes to end by itself, and to be started again.
const (
	slowestExit    = 3 * time.Second
	fastestRestart = 500 * time.Millisecond
	slowestRestart = 8 * time.Second
)

// leave ends the broker after a while: it has lost its parent, or a module.
func (b *broker) leave() {
	if b.leaving || b.dead {
		return
	}
	b.leaving = true
	var end func()
	end = func() {
		switch {
		case b.dead:
		case b.node.paused:
			b.node.whenResumed(b.node.a, end)
		default:
			b.node.kill(false)
		}
	}
	b.w.after(b.node.a, b.node.a.between(10*time.Millisecond, slowestExit), end)
}

// shutdown unloads the modules in order, the last first, and ends the broker.
func (b *broker) shutdown() {
	if b.leaving || b.dead {
		return
	}
	b.w.note("shutdown", b.node.rank)
	b.leaving = true
	var next func()
	next = func() {
		if b.dead {
			return
		}
		if len(b.modules) == 0 {
			b.node.kill(false)
			return
		}
		b.modules[len(b.modules)-1].stop(next)
	}
	next()
}

// kill ends the broker's process; without power the whole node ends. What comes
// next is a restart.
func (n *node) kill(power bool) {
	b := n.broker
	if power && !n.off {
		n.off = true
		n.w.note("power off", n.rank)
		n.procs.powerOff()
		n.w.after(n.a, n.a.between(2*time.Second, 90*time.Second), func() {
			n.off = false
			n.w.note("power on", n.rank)
			n.start()
		})
	}
	if b == nil {
		return
	}
	n.w.note("kill", n.rank)
	b.dead = true
	n.broker, n.paused, n.resume = nil, false, nil
	b.overlay.die(power)
	for _, m := range b.modules {
		m.gone = true
	}
	if n.disk != nil {
		if err := n.disk.crash(power); err != nil {
			n.w.fail("simulated disk: %v", err)
		}
	}
	b.dropClients()
	n.procs.brokerGone()
	if !power {
		n.w.after(n.a, n.a.between(fastestRestart, slowestRestart), n.start)
	}
}

// shared are the objects that package compose hands out.
func (b *broker) shared(key string) any {
	if b.node.disk == nil || b.node.disk.store == nil {
		return nil
	}
	switch key {
	case "store":
		return b.node.disk.store
	case "store.path":
		return b.node.disk.store.Path()
	}
	return nil
}
