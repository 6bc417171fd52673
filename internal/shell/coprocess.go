// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"cmp"
	"fmt"
	"slices"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/flux"
	"goflux/idset"
	"goflux/internal/message"
)

// coprocGrace is how long co-processes may go on after SIGTERM, in seconds,
// unless the option coprocess-kill-timeout says otherwise.
const coprocGrace = 10.0

// coprocesses runs helpers beside the tasks, on all nodes or some: the members
// of the option coprocess. What they put out goes to a file. Where that has
// the same name on all nodes, the leader writes it, and the others send theirs.
type coprocesses struct {
	s     *Shell
	list  []*coproc
	grace float64
	late  *timer
}

func (c *coprocesses) init() error {
	opts := c.s.job.opts
	if !opts.isSet("coprocess") {
		return nil
	}
	c.grace = coprocGrace
	if err := opts.seconds("coprocess-kill-timeout", &c.grace); err != nil {
		return err
	}
	var entries map[string]jsontext.Value
	if message.Unmarshal(opts.get("coprocess"), &entries) != nil || len(entries) == 0 {
		return fmt.Errorf("coprocess: the option must be a non-empty object")
	}
	for name, raw := range entries {
		p, err := c.s.newCoproc(name, raw)
		if err != nil {
			return fmt.Errorf("coprocess: %s: %w", name, err)
		}
		c.list = append(c.list, p)
	}
	slices.SortFunc(c.list, func(a, b *coproc) int { return cmp.Compare(a.name, b.name) })
	if c.s.leader() {
		c.expect()
		c.s.service.handle("coprocess-write", handler(c.s, c.write))
	}
	c.s.log.debugf("coprocess", "enabled (%d configured)", len(c.list))
	return nil
}

// expect waits for the other shells' output to end.
func (c *coprocesses) expect() {
	for _, p := range c.list {
		p.sending = idset.New()
		if !p.own {
			p.sending = p.ranks.Clone()
			p.sending.Remove(0)
		}
		for range p.sending.Len() {
			c.s.hold("coprocess.output")
		}
	}
}

func (c *coprocesses) write(m *flux.Message, d *coprocData) error {
	i := slices.IndexFunc(c.list, func(p *coproc) bool { return p.name == d.Name })
	if i < 0 {
		return message.Errorf(syscall.ENOENT, "there is no co-process %s", d.Name)
	}
	p := c.list[i]
	if f, err := p.open(); err != nil {
		return err
	} else if _, err := f.Write(d.Data); err != nil {
		return err
	}
	if d.EOF {
		p.sent(d.Rank)
	}
	c.s.link.respond(m, nil)
	return nil
}

func (c *coprocesses) shellLost(rank int) {
	for _, p := range c.list {
		p.sent(rank)
	}
}

// start starts the helpers of this node. The job does not depend on them.
func (c *coprocesses) start() error {
	for _, p := range c.list {
		if !p.ranks.Contains(uint32(c.s.plan.self)) {
			continue
		}
		if err := p.start(); err != nil {
			c.s.log.errorf("coprocess", "%s: launch failed: %s", p.name, message.ErrnoText(message.Errno(err)))
			p.settle()
			continue
		}
		c.s.log.debugf("coprocess", "%s: launched", p.name)
	}
	return nil
}

// finish ends the helpers with the tasks; the shell waits for them.
func (c *coprocesses) finish() {
	if !c.running() {
		return
	}
	c.kill(syscall.SIGTERM)
	c.late = c.s.after(duration(c.grace), func() {
		if c.running() {
			c.s.log.warnf("coprocess", "helper(s) still running, sending SIGKILL")
			c.kill(syscall.SIGKILL)
			c.closeStreams()
		}
	})
}

func (c *coprocesses) running() bool {
	return slices.ContainsFunc(c.list, func(p *coproc) bool { return p.running > 0 })
}

func (c *coprocesses) kill(sig syscall.Signal) {
	for _, p := range c.list {
		if p.proc != nil {
			_ = p.proc.Kill(sig) // one that has just ended is as good
		}
	}
}

// closeStreams ends the wait for output of what helpers have left behind.
func (c *coprocesses) closeStreams() {
	for _, p := range c.list {
		for _, r := range p.streams {
			r.Close()
		}
	}
}

func (c *coprocesses) stop() {
	c.late.stop()
	c.kill(syscall.SIGKILL)
	for _, p := range c.list {
		if p.file != nil {
			p.file.Close()
		}
	}
}
