// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"goflux/flux"
	"goflux/idset"
	"goflux/internal/rpc"
)

// execution is one command on many ranks.
type execution struct {
	app     *app
	h       *flux.Client
	options execOptions
	service string
	ranks   *idset.Set
	cmd     *rpc.Command    // unless attaching
	target  rpc.RexecTarget // if attaching

	processes map[uint32]*remoteProcess
	running   *idset.Set // ranks whose process has not ended
	started   int        // processes that have started or failed
	status    int        // the greatest exit status so far
	failures  exitSets
	input     stdinReader
	interrupt interrupts
}

// remoteProcess is the command on one rank.
type remoteProcess struct {
	rank    uint32
	call    *flux.Call
	pid     int
	started bool
	done    bool // it has exited or failed: no more input
	credit  int  // bytes of input it takes
}

// execEvent is what a stream of responses said; a nil event with an error is
// its end.
type execEvent struct {
	rank uint32
	ev   *rpc.RexecEvent
	err  error
}

// Exit statuses for what keeps a command from starting.
const (
	statusNoHost    = 68  // EX_NOHOST
	statusNoPermit  = 126 // as the shell
	statusNoCommand = 127
)

func (e *execution) run() error {
	begin := time.Now()
	e.verbosef("%fms: Starting %s on %s", 0.0, e.name(), e.ranks.Brackets())
	e.running = e.ranks.Clone()
	e.processes = make(map[uint32]*remoteProcess, e.ranks.Len())
	events := make(chan execEvent)
	for rank := range e.ranks.All() {
		if err := e.start(rank, events); err != nil {
			return err
		}
	}
	e.verbosef("%fms: Sent all requests", milliseconds(begin))
	if e.options.noInput {
		for _, p := range e.processes {
			e.write(p, nil, true)
		}
	} else {
		e.input = newStdinReader(e.app.in)
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	for streams := e.ranks.Len(); streams > 0; {
		e.wantInput()
		select {
		case ev := <-events:
			if e.handle(ev) {
				streams--
			}
		case data := <-e.input.data:
			e.forward(data)
		case sig := <-signals:
			if err := e.signal(sig.(syscall.Signal)); err != nil {
				return err
			}
		}
	}
	e.verbosef("%fms: %d tasks complete with code %d", milliseconds(begin), e.ranks.Len(), e.status)
	if !e.options.quiet {
		e.app.flush()
		e.failures.print(e.app.err)
	}
	return exitStatus(e.status)
}

func milliseconds(since time.Time) float64 { return time.Since(since).Seconds() * 1000 }

func (e *execution) verbosef(format string, args ...any) {
	if e.options.verbose {
		e.app.flush()
		fmt.Fprintf(e.app.err, format+"\n", args...)
	}
}

// name is what messages call the command.
func (e *execution) name() string {
	switch {
	case e.cmd != nil:
		return e.cmd.Cmdline[0]
	case e.target.Label != "":
		return "label " + e.target.Label
	}
	return fmt.Sprintf("pid %d", e.target.Pid)
}

// start sends the request for one rank and a goroutine after its responses.
func (e *execution) start(rank uint32, events chan<- execEvent) error {
	topic, req := e.service+".exec", any(rpc.RexecExec{
		Cmd:   e.cmd,
		Flags: rpc.RexecStdout | rpc.RexecStderr | rpc.RexecWriteCredit,
	})
	if e.options.attach {
		topic = e.service + ".attach"
		req = rpc.RexecAttach{RexecTarget: e.target, Flags: rpc.RexecStdout | rpc.RexecStderr | rpc.RexecWriteCredit}
	}
	call, err := e.h.Stream(topic, rank, req)
	if err != nil {
		return fail("%s: %v", topic, err)
	}
	e.processes[rank] = &remoteProcess{rank: rank, call: call}
	go func() {
		for {
			ev := new(rpc.RexecEvent)
			if err := call.Get(e.app.ctx, ev); err != nil {
				events <- execEvent{rank, nil, err}
				return
			}
			events <- execEvent{rank, ev, nil}
		}
	}()
	return nil
}

// handle takes one response and reports whether it was the stream's end.
func (e *execution) handle(ev execEvent) bool {
	p := e.processes[ev.rank]
	switch {
	case ev.err != nil && isEndOfStream(ev.err):
		e.ended(p)
		return true
	case ev.err != nil:
		e.failed(p, ev.err)
		return true
	}
	switch ev.ev.Type {
	case "started", "attached":
		p.pid = ev.ev.Pid
		e.noteStarted(p)
	case "add-credit":
		p.credit += ev.ev.Channels["stdin"]
	case "finished":
		e.finished(p, ev.ev.Status)
	case "output":
		e.output(p, ev.ev.IO)
	}
	return false
}

func (e *execution) noteStarted(p *remoteProcess) {
	if !p.started {
		p.started = true
		e.started++
	}
}

func (e *execution) ended(p *remoteProcess) {
	p.done = true
	e.running.Remove(p.rank)
}

// failed is the end of a process that could not be started, or was lost.
func (e *execution) failed(p *remoteProcess, err error) {
	e.noteStarted(p)
	e.ended(p)
	e.app.warnf("Error: rank %d: %s: %s", p.rank, e.name(), errorText(err))
	status := 1
	switch {
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		status = statusNoPermit
	case errors.Is(err, syscall.ENOENT):
		status = statusNoCommand
	case errors.Is(err, syscall.EHOSTUNREACH):
		status = statusNoHost
	}
	e.status = max(e.status, status)
}

// finished is the exit of a process, with its wait status.
func (e *execution) finished(p *remoteProcess, status *int) {
	p.done = true
	if status == nil {
		return
	}
	ws := syscall.WaitStatus(*status)
	code := waitStatusCode(ws)
	e.status = max(e.status, code)
	switch {
	case ws.Signaled():
		e.failures.add(signalText(ws.Signal()), p.rank)
	case code > 0:
		e.failures.add(fmt.Sprintf("Exit %d", code), p.rank)
	}
}

// waitStatusCode is the exit status that shells make of a wait status.
func waitStatusCode(ws syscall.WaitStatus) int {
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}

// signalText names a signal as the C library does.
func signalText(s syscall.Signal) string {
	text := s.String()
	return strings.ToUpper(text[:1]) + text[1:]
}

func (e *execution) output(p *remoteProcess, data *rpc.IO) {
	if data == nil {
		return
	}
	b, err := data.Bytes()
	if err != nil || len(b) == 0 {
		return
	}
	text := string(b)
	if e.options.labelIO { // a response may hold several lines
		var labelled strings.Builder
		for line := range strings.Lines(text) {
			fmt.Fprintf(&labelled, "%d: %s", p.rank, line)
		}
		text = labelled.String()
	}
	if data.Stream == "stderr" {
		e.app.flush()
		fmt.Fprint(e.app.err, text)
		return
	}
	fmt.Fprint(e.app.out, text)
	e.app.flush()
}

// exitSets collects the ranks of each kind of failure, in the order the kinds
// came up.
type exitSets struct {
	kinds []string
	ranks map[string]*idset.Set
}

func (s *exitSets) add(kind string, rank uint32) {
	if s.ranks == nil {
		s.ranks = map[string]*idset.Set{}
	}
	if s.ranks[kind] == nil {
		s.kinds = append(s.kinds, kind)
		s.ranks[kind] = idset.New()
	}
	s.ranks[kind].Add(rank)
}

func (s *exitSets) print(w io.Writer) {
	for _, kind := range s.kinds {
		fmt.Fprintf(w, "%s: %s\n", s.ranks[kind].Brackets(), kind)
	}
}

// stdinChunk is the most that is read from standard input at once.
const stdinChunk = 64 << 10

// stdinReader reads standard input when it is wanted and no more than that.
type stdinReader struct {
	want    chan int
	data    chan []byte // nil at the end
	waiting bool
}

func newStdinReader(in io.Reader) stdinReader {
	r := stdinReader{want: make(chan int, 1), data: make(chan []byte)}
	go func() {
		for n := range r.want {
			buf := make([]byte, n)
			got, err := in.Read(buf)
			if got > 0 {
				r.data <- buf[:got]
				continue
			}
			if err != nil {
				r.data <- nil
				return
			}
			r.data <- []byte{}
		}
	}()
	return r
}

// wantInput asks for input if every process has started and all that run have
// room for some.
func (e *execution) wantInput() {
	if e.input.want == nil || e.input.waiting || e.started < e.ranks.Len() {
		return
	}
	room, alive := math.MaxInt, false
	for rank := range e.running.All() {
		if p := e.processes[rank]; !p.done {
			alive = true
			if e.options.stdinFlow == "on" {
				room = min(room, p.credit)
			}
		}
	}
	if !alive || room <= 0 {
		return
	}
	e.input.waiting = true
	e.input.want <- min(room, stdinChunk)
}

// forward sends input to all that run; nil is its end.
func (e *execution) forward(data []byte) {
	e.input.waiting = false
	if data == nil {
		e.input.want = nil
	}
	for rank := range e.running.All() {
		p := e.processes[rank]
		if p.done && data != nil {
			continue
		}
		p.credit -= len(data)
		e.write(p, data, data == nil)
	}
}

func (e *execution) write(p *remoteProcess, data []byte, eof bool) {
	rank := fmt.Sprint(p.rank)
	_ = e.h.Notify(e.service+".write", p.rank, rpc.RexecWrite{
		Matchtag: p.call.Matchtag(),
		IO:       rpc.NewIO("stdin", rank, data, eof),
	})
}

// interruptWindow is how soon after another an interrupt means "end at once".
const interruptWindow = time.Second

type interrupts struct {
	count int
	last  time.Time
}

// signal forwards a signal to the processes; when attached, SIGINT detaches.
// The third of interrupts in short succession ends this program.
func (e *execution) signal(sig syscall.Signal) error {
	e.app.flush()
	if sig == syscall.SIGINT && e.options.attach {
		name := e.target.Label
		if name == "" {
			name = fmt.Sprint(e.target.Pid)
		}
		fmt.Fprintf(e.app.err, "detached; use 'flux sproc kill %s' to signal it\n", name)
		return ExitError(0)
	}
	if sig == syscall.SIGINT && e.interrupt.count >= 2 && time.Since(e.interrupt.last) < interruptWindow {
		fmt.Fprintf(e.app.err, "%s: command still running at exit\n", e.running.Brackets())
		return exitStatus(1)
	}
	e.verbosef("sending signal %d to %d running processes", sig, e.running.Len())
	for rank := range e.running.All() {
		p := e.processes[rank]
		if p.pid == 0 || p.done {
			continue
		}
		req := rpc.RexecKill{RexecTarget: rpc.RexecTarget{Pid: p.pid}, Signum: int(sig)}
		if err := e.h.Notify(e.service+".kill", rank, req); err != nil {
			e.verbosef("failed to signal rank %d: %s", rank, errorText(err))
		}
	}
	if sig == syscall.SIGINT {
		if e.interrupt.count > 0 {
			fmt.Fprintf(e.app.err, "interrupt (Ctrl+C) one more time within %.2f sec to exit\n", interruptWindow.Seconds())
		}
		e.interrupt.count++
		e.interrupt.last = time.Now()
	}
	return nil
}
