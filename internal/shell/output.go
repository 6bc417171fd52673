// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/flux"
	"goflux/internal/message"
	"goflux/internal/rpc"
)

// output brings what tasks and shells have to say to the job's output stream,
// which the leader appends to, or to files (RFC 24). Shells other than the
// leader send it what they have, by credit; a file that is different on each
// node they write themselves.
type output struct {
	s     *Shell
	conf  outputConf
	files outputFiles
	sums  outputSums

	header  bool         // has been written
	ready   bool         // log messages need not wait any more
	backlog []logContext // messages from before that

	credits  int
	asking   bool
	stalled  []func() // pieces that wait for credit
	ownFiles map[outKey]*outFile
}

type outKey struct {
	task   *task
	stream string
}

// log takes a message of this shell.
func (o *output) log(c logContext) {
	if !o.ready {
		o.backlog = append(o.backlog, c)
		return
	}
	switch {
	case !o.conf.stderr.file:
		o.stream().add("log", c)
	case o.logFile() != nil:
		o.logFile().write(c.line())
	case !o.s.leader():
		o.send("log", c)
	}
}

// open lets waiting messages go.
func (o *output) open() {
	o.ready = true
	if o.s.leader() {
		o.writeHeader()
	}
	b := o.backlog
	o.backlog = nil
	for _, c := range b { // they are from before there was a file to write to
		o.stream().add("log", c)
	}
}

// stream is the job's output stream. Shells other than the leader only add log
// messages to it.
func (o *output) stream() *appender {
	return o.s.link.appender(o.s.job.ID, o.s.job.Attempt, "output", func(err error) {
		fmt.Fprintf(o.s.log.stderr, "flux-shell: output: %s\n", flux.ErrorText(err))
	})
}

// outputHeader is the context of the header event (RFC 24).
type outputHeader struct {
	Version  int             `json:"version"`
	Encoding streams[string] `json:"encoding"`
	Count    streams[int]    `json:"count"`
	Options  struct{}        `json:"options"`
}

type streams[T any] struct {
	Stdout T `json:"stdout"`
	Stderr T `json:"stderr"`
}

func (o *output) writeHeader() {
	if o.header {
		return
	}
	o.header = true
	n := o.s.plan.ntasks
	o.stream().addPatient("header", outputHeader{Version: 1, Encoding: streams[string]{"UTF-8", "UTF-8"}, Count: streams[int]{n, n}})
}

func (o *output) init() error {
	if err := o.conf.read(o.s); err != nil {
		return err
	}
	o.files.init()
	o.ownFiles = map[outKey]*outFile{}
	o.credits = o.conf.high
	for _, t := range o.s.tasks {
		for _, c := range []*streamConf{&o.conf.stdout, &o.conf.stderr} {
			if err := o.openFor(t, c); err != nil {
				return err
			}
		}
	}
	if !o.s.leader() {
		return nil
	}
	o.sums.init(o.s, o.conf.limit)
	o.stream().batch = o.conf.batch
	o.s.log.debugf("output.kvs", "batch timeout = %.3fs", o.conf.batch.Seconds())
	if o.s.plan.size() > 1 {
		o.s.hold("output.service")
		o.s.service.handle("write", handler(o.s, o.written))
		o.s.service.handle("write-getcredit", handler(o.s, o.grant))
	}
	o.open()
	o.redirects()
	return nil
}

// openFor opens the file that a task's stream goes to, if this shell is to.
func (o *output) openFor(t *task, c *streamConf) error {
	if !c.file || !o.s.leader() && !c.perShell {
		return nil
	}
	f, err := o.files.open(o.s.render(c.template, o.s.plan.self, t), o.conf.appends, c.label)
	if err != nil {
		return err
	}
	o.ownFiles[outKey{t, c.name}] = f
	return nil
}

// redirects tells in the output stream which streams go to files.
func (o *output) redirects() {
	ranks := "0"
	if n := o.s.plan.ntasks; n > 1 {
		ranks = fmt.Sprintf("[0-%d]", n-1)
	}
	for _, c := range []*streamConf{&o.conf.stdout, &o.conf.stderr} {
		if c.file {
			// Tags of nodes and tasks stay in the path: it stands for all.
			o.stream().add("redirect", redirect{c.name, ranks, o.s.render(c.template, o.s.plan.size(), nil)})
		}
	}
}

// redirect is the context of a redirect event (RFC 24).
type redirect struct {
	Stream string `json:"stream"`
	Rank   string `json:"rank"`
	Path   string `json:"path"`
}

// logFile is where log messages go when standard error is a file: that of the
// first task.
func (o *output) logFile() *outFile { return o.firstFile("stderr") }

func (o *output) firstFile(stream string) *outFile {
	if len(o.s.tasks) == 0 {
		return nil
	}
	return o.ownFiles[outKey{o.s.tasks[0], stream}]
}

// taskStarted takes the task's streams.
func (o *output) taskStarted(t *task) {
	if t.proc.Stdout != nil {
		o.follow(t, &o.conf.stdout)
	}
	if t.proc.Stderr != nil {
		o.follow(t, &o.conf.stderr)
	}
}

func (o *output) follow(t *task, c *streamConf) {
	r := t.proc.Stdout
	if c.name == "stderr" {
		r = t.proc.Stderr
	}
	t.pump(r, c.lines, func(data []byte, taken func()) { o.piece(t, c, data, taken) }, func() { o.ended(t, c) })
}

// piece takes output of a local task. An event is a line: readers put the
// task's rank before it.
func (o *output) piece(t *task, c *streamConf, data []byte, taken func()) {
	if f := o.ownFiles[outKey{t, c.name}]; f != nil {
		f.writeLabelled(strconv.Itoa(t.rank), data)
		taken()
		return
	}
	rank := strconv.Itoa(t.rank)
	for len(data) > 0 {
		var line []byte
		line, data = cutLine(data)
		io := rpc.NewIO(c.name, rank, line, false)
		if o.s.leader() {
			o.keep(&io, len(line))
		} else {
			o.send("data", &io)
		}
	}
	o.whenRoom(taken)
}

func (o *output) ended(t *task, c *streamConf) {
	if o.ownFiles[outKey{t, c.name}] != nil {
		return
	}
	io := rpc.NewIO(c.name, strconv.Itoa(t.rank), nil, true)
	if o.s.leader() {
		o.keep(&io, 0)
	} else {
		o.send("data", &io)
	}
}

// keep adds to the output stream what the limit allows.
func (o *output) keep(io *rpc.IO, n int) {
	switch {
	case io.EOF && n == 0:
		o.stream().addPatient("data", io)
	case io.EOF, o.sums.allows(io.Stream, n):
		o.stream().add("data", io)
	}
}

// written serves write, on the leader.
func (o *output) written(_ *flux.Message, req *rpc.ShellWrite) error {
	if req.Name == "log" {
		return o.writtenLog(req)
	}
	var io rpc.IO
	if err := message.Unmarshal(req.Context, &io); err != nil || req.Name != "data" {
		return fmt.Errorf("write of shell %d: not an output event", req.ShellRank)
	}
	data, err := io.Bytes()
	if err != nil {
		return err
	}
	if f := o.firstFile(io.Stream); f != nil {
		f.writeLabelled(io.Rank, data)
		return nil
	}
	o.keep(&io, len(data))
	return nil
}

func (o *output) writtenLog(req *rpc.ShellWrite) error {
	var c logContext
	if err := message.Unmarshal(req.Context, &c); err != nil {
		return err
	}
	o.log(c)
	return nil
}

// grant serves write-getcredit. Requests are served in order, so that the
// writes before it have been taken when it is answered; with the output stream
// behind, the answer waits.
func (o *output) grant(m *flux.Message, req *rpc.ShellCredit) error {
	o.stream().whenRoom(func() { o.s.link.respond(m, req) })
	return nil
}

// send sends an event to the leader, which costs a credit.
func (o *output) send(name string, context any) {
	raw, err := message.Marshal(context)
	if err != nil {
		return
	}
	o.s.tell(0, "write", rpc.ShellWrite{Name: name, ShellRank: o.s.plan.self, Context: jsontext.Value(raw)})
	o.credits--
	if o.credits > o.conf.low || o.asking {
		return
	}
	o.asking = true
	o.s.ask(0, "write-getcredit", rpc.ShellCredit{Credits: o.conf.high}, func(m *flux.Message, err error) {
		var got rpc.ShellCredit
		if err == nil {
			err = m.Decode(&got)
		}
		o.asking = false
		if err != nil {
			fmt.Fprintf(o.s.log.stderr, "flux-shell: output: no credit from the leader: %s\n", flux.ErrorText(err))
			got.Credits = o.conf.high // it is gone: what is sent is lost
		}
		o.credits += got.Credits
		w := o.stalled
		if o.stalled = nil; len(w) > 0 {
			o.s.log.debugf("output.client", "flow control start")
		}
		for _, fn := range w {
			fn()
		}
	})
}

// whenRoom calls fn when more output can be taken.
func (o *output) whenRoom(fn func()) {
	switch {
	case o.s.leader():
		o.stream().whenRoom(fn)
	case o.credits > 0:
		fn()
	default:
		if len(o.stalled) == 0 {
			o.s.log.debugf("output.client", "flow control stop")
		}
		o.stalled = append(o.stalled, fn)
	}
}

// start lets the log messages of the other shells go: the leader has written
// the header.
func (o *output) start() error {
	if !o.ready {
		o.open()
	}
	return nil
}

// tasksComplete: nothing more will be sent here.
func (o *output) tasksComplete() {
	o.s.release("output.service")
	o.sums.warn(o.s)
}

func (o *output) stop() { o.files.close() }

// cutLine splits off the first line with its newline, or all where there is none.
func cutLine(b []byte) (line, rest []byte) {
	for i, c := range b {
		if c == '\n' {
			return b[: i+1 : i+1], b[i+1:]
		}
	}
	return b, nil
}
