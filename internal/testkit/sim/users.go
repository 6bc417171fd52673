// SPDX-License-Identifier: LGPL-3.0-or-later

package sim

import (
	"fmt"
	"strings"
	"syscall"
	"time"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/sign"
	"goflux/jobid"
)

// user submits jobs and changes their minds about them.
type user struct {
	w    *world
	a    *actor
	jobs []jobid.ID // acknowledged
	// weary is one who was refused, or has nothing more to submit: what is next
	// takes longer.
	weary bool
}

// desk is what all users share: how many jobs there are to be.
type desk struct {
	left    int // to be submitted: what was refused comes again
	asked   int // submissions
	unknown int // that were not answered
	refused int
	other   int // further requests
}

// Users think between requests.
const (
	quickThought = 5 * time.Millisecond
	longThought  = 2 * time.Second
	wearyThought = 15 * time.Second
)

func (u *user) think() {
	longest := u.w.opt.Think
	if u.weary || u.w.desk.left == 0 {
		longest = max(longest, wearyThought)
	}
	u.weary = false
	u.w.after(u.a, u.a.between(quickThought, longest), u.act)
}

// act does one thing, by any broker that lets users in.
func (u *user) act() {
	if u.w.quiet && u.w.desk.left == 0 {
		return
	}
	n := u.w.nodes[u.a.intn(len(u.w.nodes))]
	if u.a.chance(0.3) {
		n = u.w.nodes[0]
	}
	b := n.broker
	if b == nil || !b.online || b.leaving || n.paused {
		u.think()
		return
	}
	switch p := u.a.intn(100); {
	case p < 70 && u.w.desk.left > 0:
		u.submit(b)
	case len(u.jobs) == 0:
		u.think()
	case p < 80:
		u.cancel(b)
	case p < 92:
		u.setUrgency(b)
	default:
		u.ask(b)
	}
}

// call makes one request on a connection of its own and goes on when it has
// been answered, or can not be any more.
func (u *user) call(b *broker, topic string, payload any, fn func(*message.Message), lost func()) {
	c := b.newClient()
	p := c.request(topic, payload, 0, func(m *message.Message) {
		c.close()
		fn(m)
		u.think()
	})
	p.lost = func() {
		if lost != nil {
			lost()
		}
		u.think()
	}
}

// submit submits a job of any shape.
func (u *user) submit(b *broker) {
	d := u.w.desk
	d.left--
	d.asked++
	urgency := 16
	switch p := u.a.intn(20); {
	case p == 0:
		urgency = 0
	case p == 1:
		urgency = 31
	case p < 6:
		urgency = 1 + u.a.intn(30)
	}
	req := rpc.JobSubmit{J: sign.None(ownerCred.UserID, []byte(u.jobspec())), Urgency: urgency}
	u.call(b, "job-ingest.submit", req, func(m *message.Message) {
		var r rpc.JobID
		err := m.Err()
		if err == nil {
			err = m.Decode(&r)
		}
		if err != nil {
			if !strings.HasPrefix(err.Error(), "dependency:") { // one that cannot be met any more
				u.refusal("job-ingest.submit", err)
			}
			d.refused++
			d.left++
			u.weary = true
			return
		}
		u.jobs = append(u.jobs, r.ID)
		u.w.check.promised(r.ID, `"name":"submit"`)
	}, func() { d.unknown++ })
}

// refusal judges an error: those of a broken path are in order.
func (u *user) refusal(topic string, err error) {
	switch message.Errno(err) {
	case syscall.EHOSTUNREACH, syscall.ENOSYS, syscall.ESHUTDOWN, syscall.ENOSPC, syscall.EAGAIN:
	default:
		u.w.fail("%s: %v", topic, err)
	}
}

// jobspec describes a job: a few nodes or slots, for a while.
func (u *user) jobspec() string {
	nodes, cores, gpus := 0, 1+u.a.intn(coresPerNode), 0
	slots := 1
	switch p := u.a.intn(10); {
	case p < 3:
		nodes = 1 + u.a.intn(min(4, len(u.w.nodes)))
	case p < 6:
		slots = 1 + u.a.intn(4)
	case p == 6:
		cores, gpus = 1, 1+u.a.intn(gpusPerNode)
	}
	with := fmt.Sprintf(`{"type":"core","count":%d}`, cores)
	if gpus > 0 {
		with += fmt.Sprintf(`,{"type":"gpu","count":%d}`, gpus)
	}
	resources := fmt.Sprintf(`{"type":"slot","count":%d,"with":[%s],"label":"task"}`, slots, with)
	if nodes > 0 {
		resources = fmt.Sprintf(`{"type":"node","count":%d,"with":[%s]}`, nodes, resources)
	}
	run := u.a.between(10*time.Millisecond, u.w.opt.Longest).Seconds()
	limit := 0.0
	if u.a.chance(0.3) {
		limit = run * (0.5 + float64(u.a.intn(200))/100)
	}
	status := 0
	if u.a.chance(0.1) {
		status = 1 << 8
	}
	deps := ""
	if len(u.jobs) > 0 && u.a.chance(0.1) {
		scheme := []string{"afterany", "afterok", "afternotok", "after"}[u.a.intn(4)]
		deps = fmt.Sprintf(`"dependencies":[{"scheme":%q,"value":%q}],`, scheme, u.any().F58())
	}
	return fmt.Sprintf(`{"version":1,"resources":[%s],"tasks":[{"command":["simulated"],"slot":"task","count":{"per_slot":1}}],`+
		`"attributes":{"system":{%s"duration":%.3f,"simulated":{"duration":%.3f,"status":%d,"deaf":%v,"barriers":%d,"lines":%d}}}}`,
		resources, deps, limit, run, status, u.a.chance(0.05), u.a.intn(3), u.a.intn(4))
}

func (u *user) any() jobid.ID {
	recent := u.jobs[max(0, len(u.jobs)-10):]
	if u.a.chance(0.2) {
		recent = u.jobs
	}
	return recent[u.a.intn(len(recent))]
}

func (u *user) cancel(b *broker) {
	u.w.desk.other++
	id := u.any()
	note := fmt.Sprintf("changed my mind %d", u.a.uint64())
	req := rpc.JobRaise{ID: id, Type: "cancel", Severity: 0, Note: note}
	u.call(b, "job-manager.raise", req, func(m *message.Message) {
		if err := m.Err(); err != nil {
			if message.Errno(err) != syscall.ENOENT { // it has ended
				u.refusal("job-manager.raise", err)
			}
			return
		}
		u.w.check.promised(id, note)
	}, nil)
}

func (u *user) setUrgency(b *broker) {
	u.w.desk.other++
	id, urgency := u.any(), u.a.intn(32)
	if u.a.chance(0.3) {
		urgency = 0
	}
	u.call(b, "job-manager.urgency", rpc.JobUrgency{ID: id, Urgency: urgency}, func(m *message.Message) {
		if err := m.Err(); err != nil {
			if num := message.Errno(err); num != syscall.ENOENT && num != syscall.EINVAL { // too late for that
				u.refusal("job-manager.urgency", err)
			}
			return
		}
		u.w.check.promised(id, fmt.Sprintf(`"urgency":%d`, urgency))
	}, nil)
}

// ask reads something, which has to be answered.
func (u *user) ask(b *broker) {
	u.w.desk.other++
	id := u.any()
	switch u.a.intn(3) {
	case 0:
		u.call(b, "job-list.list-id", rpc.JobListID{ID: id, Attrs: []string{"all"}}, u.answered("job-list.list-id"), nil)
	case 1:
		u.call(b, "job-info.lookup", map[string]any{"id": id, "keys": []string{"eventlog"}, "flags": 0}, u.answered("job-info.lookup"), nil)
	default:
		u.call(b, "sched.resource-status", nil, func(m *message.Message) {
			var r rpc.SchedStatus
			if m.Err() != nil || m.Decode(&r) != nil {
				u.answered("sched.resource-status")(m)
				return
			}
			u.w.check.accounts(&r)
		}, nil)
	}
}

func (u *user) answered(topic string) func(*message.Message) {
	return func(m *message.Message) {
		if err := m.Err(); err != nil {
			u.refusal(topic, err)
		}
	}
}

// release lets the jobs go that are held.
func (w *world) release() {
	b := w.nodes[0].broker
	if b == nil || !b.online {
		return
	}
	for _, id := range w.check.ids {
		if l := w.check.logs[id]; l.urgency == 0 && l.clean == 0 {
			c := b.newClient()
			c.request("job-manager.urgency", rpc.JobUrgency{ID: id, Urgency: 16}, 0, func(*message.Message) { c.close() })
		}
	}
}
