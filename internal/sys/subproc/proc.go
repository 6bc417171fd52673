// SPDX-License-Identifier: LGPL-3.0-or-later

package subproc

import (
	"fmt"
	"path"
	"strings"
	"syscall"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/sys/process"
)

// keptOutput bounds the output kept of a waitable process, in bytes: what a
// person wants to see of one that failed, and all of it in one answer.
const keptOutput = 8192

// proc is a process of a server.
type proc struct {
	*Server
	cmd      *rpc.Command
	child    *process.Process
	bg       bool // how it was started; an attach does not change it
	group    bool
	waitable bool
	client   Request // streams it; nil in the background
	flags    int     // which streams the client wants
	waiter   Request

	streams map[string]*stream
	open    int // streams that have not ended
	exited  bool
	status  int
	failed  bool // its client has been told of an error

	kept      []rpc.IO
	keptBytes int
}

// active reports whether the process or its output goes on.
func (p *proc) active() bool { return !p.exited || p.open > 0 }

// run tells the client of the start and begins to move data.
func (p *proc) run() {
	p.client.Respond(&rpc.RexecEvent{Type: "started", Pid: p.child.Pid})
	if p.bg {
		p.client = nil
	}
	for _, name := range p.streamNames() {
		st := p.streams[name]
		if st.input != nil && p.flags&rpc.RexecWriteCredit != 0 {
			p.send(&rpc.RexecEvent{Type: "add-credit", Channels: map[string]int{name: st.size}})
		}
		if st.out != nil {
			p.open++
			go p.pump(st)
		}
	}
	p.Reaper.Watch(p.child.Pid, func(st syscall.WaitStatus) {
		p.Post(func() { p.changed(st) })
	})
}

// send answers the client, if there is one.
func (p *proc) send(e *rpc.RexecEvent) {
	if p.client != nil && !p.failed {
		p.client.Respond(e)
	}
}

// changed takes a wait status.
func (p *proc) changed(st syscall.WaitStatus) {
	if st.Stopped() {
		p.send(&rpc.RexecEvent{Type: "stopped"})
		return
	}
	p.exited, p.status = true, int(st)
	p.send(&rpc.RexecEvent{Type: "finished", Status: &p.status})
	for _, s := range p.streams {
		if s.input != nil && s.out == nil {
			s.input.Abandon()
		}
	}
	p.settle()
}

// settle finishes with a process that is no longer active. It may be called
// any number of times.
func (p *proc) settle() {
	if p.active() {
		return
	}
	if p.bg && p.streams != nil {
		p.logExit()
	}
	p.streams = nil // said once
	if p.client != nil {
		if !p.failed {
			p.client.Fail(syscall.ENODATA)
		}
		p.client, p.waitable = nil, false
	}
	if p.waiter != nil {
		p.waiter.Respond(&rpc.RexecWaited{Status: p.status, Output: p.kept})
		p.waiter, p.waitable = nil, false
	}
	if !p.waitable {
		p.forget(p)
	}
}

func (p *proc) logExit() {
	label := p.cmd.Label
	if label != "" {
		label += ": "
	}
	if st := syscall.WaitStatus(p.status); st.Signaled() {
		p.Log.Info(fmt.Sprintf("%s%s[%d]: Killed by signal %d", label, p.cmd.Cmdline[0], p.child.Pid, int(st.Signal())))
	} else {
		p.Log.Info(fmt.Sprintf("%s%s[%d]: Exit %d", label, path.Base(p.cmd.Cmdline[0]), p.child.Pid, st.ExitStatus()))
	}
}

// fatal ends a process that cannot be served any more.
func (p *proc) fatal(err error) {
	if p.client != nil && !p.failed {
		p.client.Fail(message.Errorf(message.Errno(err), "internal fatal error: %s", message.ErrnoText(message.Errno(err))))
	}
	p.failed = true
	_ = p.kill(syscall.SIGKILL) // ESRCH: it is gone already
}

// kill signals the process's group, or itself where it has none. Those of a
// group that live on with the output open can be signalled after its leader
// has ended.
func (p *proc) kill(sig syscall.Signal) error {
	switch {
	case sig <= 0:
		return syscall.EINVAL
	case !p.active() || p.exited && !p.group:
		return syscall.ESRCH
	}
	return p.child.Kill(sig)
}

func (p *proc) info() rpc.RexecProc {
	name, state := p.cmd.Cmdline[0], "R"
	if name == "flux" && len(p.cmd.Cmdline) > 1 { // every command of ours is called flux
		name += " " + p.cmd.Cmdline[1]
	}
	if !p.active() {
		state = "Z"
	}
	return rpc.RexecProc{Pid: p.child.Pid, Cmd: name, Label: p.cmd.Label, State: state}
}

// attach makes c the client, whether the process still runs or not.
func (p *proc) attach(c Request, flags int) {
	p.client, p.flags = c, flags
	c.Respond(&rpc.RexecEvent{Type: "attached", Pid: p.child.Pid, Cmd: p.cmd})
	for _, name := range []string{"stdout", "stderr"} {
		if st := p.streams[name]; (st == nil || st.ended) && p.wants(name) {
			p.sendOutput(name, nil, true)
		}
	}
	if p.exited {
		p.send(&rpc.RexecEvent{Type: "finished", Status: &p.status})
	}
	p.settle()
}

func (p *proc) wants(stream string) bool {
	switch stream {
	case "stdout":
		return p.flags&rpc.RexecStdout != 0
	case "stderr":
		return p.flags&rpc.RexecStderr != 0
	}
	return p.flags&rpc.RexecChannel != 0
}

func (p *proc) sendOutput(stream string, data []byte, eof bool) {
	io := rpc.NewIO(stream, p.rank, data, eof)
	p.send(&rpc.RexecEvent{Type: "output", Pid: p.child.Pid, IO: &io})
}

// keep holds output of a waitable process, dropping the oldest.
func (p *proc) keep(stream string, data []byte) {
	p.kept = append(p.kept, rpc.NewIO(stream, p.rank, data, false))
	p.keptBytes += len(data)
	for p.keptBytes > keptOutput && len(p.kept) > 1 {
		old, _ := p.kept[0].Bytes() // we made it
		p.keptBytes -= len(old)
		p.kept = p.kept[1:]
	}
}

// logOutput writes a background process's output to the log, a record a line.
func (p *proc) logOutput(stream string, data []byte) {
	label := p.cmd.Label
	if label == "" {
		label = path.Base(p.cmd.Cmdline[0])
	}
	log := p.Log.Info
	if stream == "stderr" {
		log = p.Log.Error
	}
	for line := range strings.Lines(string(data)) {
		log(fmt.Sprintf("%s[%d]: %s", label, p.child.Pid, strings.TrimSuffix(line, "\n")))
	}
}
