// SPDX-License-Identifier: LGPL-3.0-or-later

package subproc

import (
	"io"
	"os"
	"slices"

	"goflux/internal/rpc"
	"goflux/internal/sys/process"
)

// stream is one of a process's standard files or channels.
type stream struct {
	name  string
	input *process.Input
	out   *os.File
	size  int // bytes buffered either way
	lines bool
	ended bool
}

// streamNames orders the streams: answers should not depend on a map's order.
func (p *proc) streamNames() []string {
	names := make([]string, 0, len(p.streams))
	for n := range p.streams {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// addStreams takes over the ends of the child's files.
func (p *proc) addStreams(sizes map[string]streamOptions) {
	p.streams = map[string]*stream{}
	add := func(name string, in io.WriteCloser, out *os.File) {
		o := sizes[name]
		st := &stream{name: name, out: out, size: o.size, lines: o.lines}
		if in != nil {
			st.input = process.NewInput(in, o.size, p.credit(name))
		}
		p.streams[name] = st
	}
	if f := p.child.Stdin; f != nil {
		add("stdin", f, nil)
	}
	if f := p.child.Stdout; f != nil {
		add("stdout", nil, f)
	}
	if f := p.child.Stderr; f != nil {
		add("stderr", nil, f)
	}
	for name, f := range p.child.Channels {
		if p.flags&rpc.RexecChannel != 0 {
			add(name, f, f)
		} else {
			add(name, f, nil)
		}
	}
}

// credit returns what an input calls when it has passed data on.
func (p *proc) credit(name string) func(int) {
	if p.flags&rpc.RexecWriteCredit == 0 {
		return nil
	}
	return func(n int) {
		p.Post(func() {
			if !p.exited {
				p.send(&rpc.RexecEvent{Type: "add-credit", Channels: map[string]int{name: n}})
			}
		})
	}
}

func (p *proc) write(io *rpc.IO) error {
	st := p.streams[io.Stream]
	if p.exited || st == nil || st.input == nil {
		return nil
	}
	data, err := io.Bytes()
	if err != nil {
		return err
	}
	if err := st.input.Write(data); err != nil {
		return err
	}
	if io.EOF {
		st.input.Close()
	}
	return nil
}

// pump reads a stream on a goroutine of its own. Each piece is handed to the
// loop before the next is read, so that a loop that is behind slows the child.
func (p *proc) pump(st *stream) {
	handed := make(chan struct{}, 1) // the loop must not wait for a pump that has given up
	give := func(fn func()) {
		p.Post(func() {
			fn()
			handed <- struct{}{}
		})
		select {
		case <-handed:
		case <-p.closed:
		}
	}
	process.Pump(st.out, st.lines, st.size, func(data []byte) {
		give(func() { p.output(st, data) })
	})
	st.out.Close()
	give(func() { p.outputEnded(st) })
}

func (p *proc) output(st *stream, data []byte) {
	if p.wants(st.name) {
		p.sendOutput(st.name, data, false)
	}
	if p.bg {
		p.logOutput(st.name, data)
	}
	if p.waitable {
		p.keep(st.name, data)
	}
}

func (p *proc) outputEnded(st *stream) {
	st.ended = true
	p.open--
	if st.input != nil {
		st.input.Abandon()
	}
	if p.wants(st.name) {
		p.sendOutput(st.name, nil, true)
	}
	p.settle()
}

// start starts the process that a request asks for.
func (s *Server) start(c Request, req *rpc.RexecExec) (*proc, error) {
	cmd := *req.Cmd
	background := !c.Streaming()
	options, err := readOptions(&cmd)
	if err != nil {
		return nil, err
	}
	group := req.LocalFlags&rpc.RexecNoSetpgrp == 0
	spec := &process.Spec{
		Args: cmd.Cmdline, Env: s.environ(&cmd), Dir: cmd.Cwd,
		Channels: cmd.Channels, Group: group,
	}
	switch {
	case req.LocalFlags&rpc.RexecStdioFallthrough != 0:
		spec.Stdin, spec.Stdout, spec.Stderr = process.Inherit, process.Inherit, process.Inherit
	case background:
		spec.Stdout, spec.Stderr = process.Pipe, process.Pipe
	default:
		spec.Stdin = process.Pipe
		if req.Flags&rpc.RexecStdout != 0 {
			spec.Stdout = process.Pipe
		}
		if req.Flags&rpc.RexecStderr != 0 {
			spec.Stderr = process.Pipe
		}
	}
	child, err := process.Start(spec)
	var notice string
	if isChdir(err) {
		notice = chdirNotice(cmd.Cwd, err)
		spec.Dir = fallbackDir
		child, err = process.Start(spec)
	}
	if err != nil {
		return nil, err
	}
	p := &proc{
		Server: s, cmd: &cmd, child: child, bg: background, group: group, client: c,
		flags: req.Flags, waitable: req.Flags&rpc.RexecWaitable != 0,
	}
	p.addStreams(options)
	if st := p.streams["stderr"]; st != nil && notice != "" {
		s.Post(func() { p.output(st, []byte(notice)) })
	}
	return p, nil
}
