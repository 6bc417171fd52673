// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/flux"
	"goflux/idset"
	"goflux/internal/message"
	"goflux/internal/sys/process"
)

// coproc is a helper.
type coproc struct {
	s       *Shell
	name    string
	command []string
	output  string     // template of the file's name
	own     bool       // each node has a file
	ranks   *idset.Set // shells that run it

	file    *os.File // nil until wanted
	proc    *process.Process
	running int // its process, and streams that are sent to the leader
	streams []io.ReadCloser
	sending *idset.Set // leader: shells whose output has not ended
}

// coprocData is the request coprocess-write: output of a helper, or the end of
// it.
type coprocData struct {
	Name string `json:"name"`
	Rank int    `json:"rank"` // of the shell that sends
	Data []byte `json:"data,omitempty"`
	EOF  bool   `json:"eof,omitzero"`
}

func (s *Shell) newCoproc(name string, raw jsontext.Value) (*coproc, error) {
	opts, err := newOptions(raw)
	if err != nil {
		return nil, fmt.Errorf("the definition must be an object")
	}
	p := &coproc{s: s, name: name, output: "coproc-" + name + "-{{id}}.log"}
	ranks := "all"
	for key := range opts.root {
		if !slices.Contains([]string{"command", "output", "ranks"}, key) {
			return nil, fmt.Errorf("there is no key %s", key)
		}
	}
	if err := firstError(opts.str("output", &p.output), opts.str("ranks", &ranks)); err != nil {
		return nil, err
	}
	if message.Unmarshal(opts.get("command"), &p.command) != nil || len(p.command) == 0 {
		return nil, fmt.Errorf("command must be a non-empty array of strings")
	}
	for i, arg := range p.command {
		p.command[i] = s.render(arg, s.plan.self, nil)
	}
	p.ranks = idset.FromRange(0, uint32(s.plan.size()-1))
	if ranks != "all" {
		some, err := idset.Parse(ranks)
		if err != nil {
			return nil, fmt.Errorf("invalid ranks '%s'", ranks)
		}
		p.ranks = p.ranks.Intersect(some)
	}
	p.own = s.perShell(p.output)
	return p, nil
}

// sent is called when a shell sends no more.
func (p *coproc) sent(rank int) {
	if rank > 0 && p.sending.Contains(uint32(rank)) {
		p.sending.Remove(uint32(rank))
		p.s.release("coprocess.output")
	}
}

// direct reports whether this shell writes the file.
func (p *coproc) direct() bool { return p.own || p.s.leader() }

// open opens the file. Those who write it append: they may be several.
func (p *coproc) open() (*os.File, error) {
	if p.file != nil {
		return p.file, nil
	}
	path := p.s.render(p.output, p.s.plan.self, nil)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	p.file = f
	return f, nil
}

func (p *coproc) start() error {
	spec := process.Spec{Args: p.command, Env: os.Environ(), Dir: p.s.dir, Group: true}
	spec.Stdout, spec.Stderr = process.Pipe, process.Pipe
	if p.direct() {
		f, err := p.open()
		if err != nil {
			return err
		}
		spec.Stdout, spec.Stderr = process.File(f), process.File(f)
	}
	proc, err := process.Start(&spec)
	if err != nil {
		return err
	}
	p.proc, p.running = proc, 1
	p.s.hold("coprocess")
	p.s.reaper.Watch(proc.Pid, func(st syscall.WaitStatus) {
		if !st.Stopped() {
			p.s.post(func() { p.proc = nil; p.end() })
		}
	})
	if !p.direct() {
		p.streams = []io.ReadCloser{proc.Stdout, proc.Stderr}
	}
	for _, r := range p.streams {
		p.running++
		go p.pump(r)
	}
	return nil
}

// pump sends a stream to the leader, which answers when it wants more.
func (p *coproc) pump(r io.ReadCloser) {
	taken := make(chan struct{}, 1)
	process.Pump(r, false, maxPiece, func(data []byte) {
		p.s.post(func() { p.send(coprocData{Data: data}, func() { taken <- struct{}{} }) })
		<-taken
	})
	r.Close()
	p.s.post(p.end)
}

func (p *coproc) end() {
	if p.running--; p.running == 0 {
		p.settle()
		p.s.release("coprocess")
	}
}

// settle tells the leader that there is no more output.
func (p *coproc) settle() {
	if !p.direct() {
		p.s.hold("coprocess.eof")
		p.send(coprocData{EOF: true}, func() { p.s.release("coprocess.eof") })
	}
}

// send sends to the leader; done is called when it has answered.
func (p *coproc) send(d coprocData, done func()) {
	d.Name, d.Rank = p.name, p.s.plan.self
	p.s.ask(0, "coprocess-write", d, func(_ *flux.Message, err error) {
		if err != nil {
			p.s.log.errorf("coprocess", "%s: output: %s", p.name, flux.ErrorText(err))
		}
		done()
	})
}
