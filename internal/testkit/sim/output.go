// SPDX-License-Identifier: LGPL-3.0-or-later

package sim

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/jobid"
)

// This file is what shells print. A line that has been acknowledged is kept, a
// line that was sent again is kept once.

// mouth says a shell's lines, one after the other.
type mouth struct {
	x     *shell
	lines int // to be said
	said  int // acknowledged
	busy  bool
	done  func()
}

// line is the n-th of a shell.
func (x *shell) line(rank uint32, n int) string {
	return fmt.Sprintf(`{"timestamp":1.0,"name":"data","context":{"stream":"stdout","rank":"%d","data":"line %d\n"}}`, rank, n)
}

// shellRank is the shell's place among the job's nodes.
func (x *shell) shellRank(rank uint32) int {
	i := 0
	for r := range x.r.Ranks().All() {
		if r < rank {
			i++
		}
	}
	return i
}

// speak says the next line, or tells that all is said.
func (p *processes) speak(m *mouth) {
	switch {
	case !m.x.alive || m.busy:
		return
	case m.said == m.lines:
		m.done()
		return
	case p.link(m.x) == nil:
		p.speakLater(m)
		return
	}
	if p.leave(m) {
		m.done()
		return
	}
	m.busy = true
	req := &rpc.JobStreamAppend{
		ID: m.x.info.ID, Attempt: m.x.info.Attempt, Stream: "output", Data: m.x.line(p.n.rank, m.said+1) + "\n",
		Seq: uint64(m.said + 1), Writer: m.x.shellRank(p.n.rank),
	}
	call := p.link(m.x).request("job-info.stream-append", req, 0, func(r *message.Message) {
		m.busy = false
		switch num := message.Errno(r.Err()); num {
		case 0:
			m.said++
			p.w.check.printed(m.x.info.ID, p.n.rank, m.said)
			p.speak(m)
		case syscall.EHOSTUNREACH, syscall.ENOSYS, syscall.EAGAIN, syscall.ENOSPC:
			p.speakLater(m)
		case syscall.ENOENT: // the job was given up
			m.lines = m.said
			m.done()
		default:
			p.w.fail("job %s: job-info.stream-append: %v", m.x.info.ID, r.Err())
		}
	})
	call.lost = func() {
		m.busy = false
		p.speakLater(m)
	}
}

// leave has a shell's last line go with the word of its end, now and then.
func (p *processes) leave(m *mouth) bool {
	if m.said+1 != m.lines || !m.x.info.Next || m.x.r.Ranks().Len() > 1 || p.a.chance(0.5) {
		return false
	}
	m.x.rest = []rpc.ShellRest{{Stream: "output", Data: m.x.line(p.n.rank, m.lines) + "\n", Seq: uint64(m.lines)}}
	return true
}

func (p *processes) speakLater(m *mouth) {
	p.w.after(p.a, p.a.between(100*time.Millisecond, retryMost), func() { p.speak(m) })
}

// voice is a shell's output, as it has been acknowledged.
type voice struct {
	id   jobid.ID
	rank uint32
}

func (c *checker) printed(id jobid.ID, rank uint32, n int) { c.output[voice{id, rank}] = n }

// heard holds what is kept of output to what was acknowledged.
func (c *checker) heard() {
	of := map[jobid.ID][]voice{}
	for v := range c.output {
		of[v.id] = append(of[v.id], v)
	}
	for _, id := range c.ids {
		if len(of[id]) == 0 {
			continue
		}
		text, err := c.w.nodes[0].disk.stream(uint64(id), "output")
		if err != nil {
			c.w.fail("job %s: its output: %v", id, err)
			return
		}
		slices.SortFunc(of[id], func(a, b voice) int { return int(a.rank) - int(b.rank) })
		for _, v := range of[id] {
			c.hears(v, text)
		}
	}
}

// hears finds a shell's lines, in order, each once.
func (c *checker) hears(v voice, text string) {
	n := 0
	for line := range strings.Lines(text) {
		if !strings.Contains(line, fmt.Sprintf(`"rank":"%d",`, v.rank)) {
			continue
		}
		n++
		if want := (&shell{}).line(v.rank, n); strings.TrimSuffix(line, "\n") != want {
			c.w.fail("job %s: output of rank %d: %s where %s is expected", v.id, v.rank, line, want)
			return
		}
	}
	if n < c.output[v] {
		c.w.fail("job %s: of %d acknowledged lines of rank %d, %d are kept", v.id, c.output[v], v.rank, n)
	}
}

// stream reads a stream from the store.
func (d *disk) stream(id uint64, name string) (string, error) {
	var text []byte
	for {
		piece, size, err := d.store.ReadStream(id, name, int64(len(text)), 0)
		if err != nil {
			return "", err
		}
		text = append(text, piece...)
		if len(piece) == 0 || int64(len(text)) >= size {
			return string(text), nil
		}
	}
}
