// SPDX-License-Identifier: LGPL-3.0-or-later

package sim

import (
	"fmt"
	"strings"
	"syscall"
	"time"

	"goflux/idset"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/treeobj"
)

// admin drains nodes and puts them to use again, and keeps notes in the KVS. He
// does one thing after the other; of what is not answered he does not know.
type admin struct {
	w     *world
	a     *actor
	nodes map[uint32]string // what is known of a node: drained, in use, "" for neither
	notes map[string]string // what is known of keys
	maybe map[string]string // what a key may have become, though nobody has said so
	blur  map[uint32]bool   // nodes of which a change was not answered: it may come late
	count int
}

// adminPause bounds the time between two things.
const adminPause = 10 * time.Second

const (
	drained = "drained by the administrator"
	inUse   = "in use"
)

func (m *admin) think() { m.w.after(m.a, m.a.between(quickThought, adminPause), m.act) }

func (m *admin) act() {
	if m.w.quiet {
		return
	}
	n := m.w.nodes[m.a.intn(len(m.w.nodes))]
	b := n.broker
	if b == nil || !b.online || b.leaving || n.paused {
		m.think()
		return
	}
	if m.a.chance(0.5) {
		m.note(b)
		return
	}
	m.drain(b)
}

func (m *admin) drain(b *broker) {
	rank := uint32(m.a.intn(len(m.w.nodes)))
	topic, want := "resource.drain", drained
	if was, ok := m.nodes[rank]; ok && was != inUse || m.a.chance(0.2) {
		topic, want = "resource.undrain", inUse
	}
	req := rpc.ResourceDrain{Targets: fmt.Sprint(rank)}
	if want == drained {
		reason := drained
		req.Reason, req.Mode = &reason, "overwrite"
	}
	m.nodes[rank] = "" // until it is answered
	blurred := m.blur[rank]
	m.blur[rank] = true
	m.call(b, topic, 0, req, func(err error) {
		if err != nil && strings.HasSuffix(err.Error(), "not drained") {
			err = nil
		}
		switch message.Errno(err) {
		case 0:
			m.nodes[rank], m.blur[rank] = want, blurred
		case syscall.EHOSTUNREACH, syscall.ENOSYS, syscall.EAGAIN, syscall.ENOSPC, syscall.ESHUTDOWN:
		default:
			m.w.fail("%s: %v", topic, err)
		}
	})
}

// note writes a key of the KVS.
func (m *admin) note(b *broker) {
	m.count++
	key, value := fmt.Sprintf("notes.%d", m.a.intn(20)), fmt.Sprint(m.count)
	val := rpc.KVSDirent{JSON: treeobj.JSON{Object: treeobj.Val{Data: []byte(value)}}, Given: true}
	req := &rpc.KVSCommit{Namespace: "primary", Ops: []rpc.KVSOp{{Key: key, Dirent: val}}}
	m.maybe[key] += " " + value + " "
	m.call(b, "kvs.commit", message.NodeAny, req, func(err error) {
		switch message.Errno(err) {
		case 0:
			m.notes[key] = value
			m.maybe[key] = strings.ReplaceAll(m.maybe[key], " "+value+" ", "")
		case syscall.EHOSTUNREACH, syscall.ENOSYS, syscall.EAGAIN, syscall.ENOSPC, syscall.ESHUTDOWN:
		default:
			m.w.fail("kvs.commit: %v", err)
		}
	})
}

func (m *admin) call(b *broker, topic string, nodeID uint32, req any, fn func(error)) {
	c := b.newClient()
	m.w.note("admin", b.node.rank, topic, req)
	p := c.requestTo(nodeID, topic, req, 0, func(r *message.Message) {
		m.w.note("admin answered", topic, r.Err())
		c.close()
		fn(r.Err())
		m.think()
	})
	p.lost = m.think
}

// ask has everything looked up that was answered.
func (m *admin) ask() {
	b := m.w.nodes[0].broker
	if b == nil || !b.online {
		m.w.fail("there is no leader")
		return
	}
	c := b.newClient()
	c.requestTo(0, "resource.status", nil, 0, func(r *message.Message) {
		var st rpc.ResourceStatus
		err := r.Err()
		if err == nil {
			err = r.Decode(&st)
		}
		if err != nil {
			m.w.fail("resource.status: %v", err)
			return
		}
		m.drainsKept(&st)
	})
	for i := range 20 {
		key := fmt.Sprintf("notes.%d", i)
		if m.notes[key] == "" {
			continue
		}
		c.requestTo(0, "kvs.lookup", rpc.KVSLookup{Key: key, Namespace: "primary"}, 0, func(r *message.Message) {
			var v rpc.KVSValue
			err := r.Err()
			if err == nil {
				err = r.Decode(&v)
			}
			if err != nil {
				m.w.fail("kvs.lookup %s, which was committed: %v", key, err)
				return
			}
			val, _ := v.Val.Object.(treeobj.Val)
			if got := string(val.Data); got != m.notes[key] && !strings.Contains(m.maybe[key], " "+got+" ") {
				m.w.fail("KVS: %s is %q; %q was committed last, and perhaps%s", key, got, m.notes[key], m.maybe[key])
			}
		})
	}
	m.w.settle(c)
}

// settle waits for the answers to what c has asked.
func (w *world) settle(c *client) {
	w.run(w.now + 30*time.Second)
	for _, p := range c.open {
		w.fail("%s has not been answered", p.topic)
	}
	c.close()
}

// drainsKept holds the state of the nodes to what was answered. What the
// services drain themselves is not the administrator's.
func (m *admin) drainsKept(st *rpc.ResourceStatus) {
	reasons := map[uint32]string{}
	for text, d := range st.Drain {
		ids, err := idset.Parse(text)
		if err != nil {
			m.w.fail("resource.status: %v", err)
			return
		}
		for rank := range ids.All() {
			reasons[rank] = d.Reason
		}
	}
	for _, n := range m.w.nodes {
		if m.blur[n.rank] {
			continue
		}
		switch known := m.nodes[n.rank]; {
		case known == drained && reasons[n.rank] != drained:
			m.w.fail("rank %d was drained by the administrator, and is not: %q", n.rank, reasons[n.rank])
		case known == inUse && reasons[n.rank] == drained:
			m.w.fail("rank %d was undrained by the administrator, and is not", n.rank)
		}
	}
}
