// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"goflux/flux"
	"goflux/idset"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/sys/process"
)

const (
	inputLimit     = 10 << 20 // bytes of input kept, unless the option says otherwise
	inputLimitMost = 32 << 20
	// inputBatch is how long input waits to be recorded with what follows, in
	// seconds. The tasks get it at once.
	inputBatch = 0.5
	// inputFanout is the width of the tree in which input for all is passed
	// from shell to shell.
	inputFanout = 8
)

// input feeds the tasks: from a file, or with what is sent to the leader's
// method stdin. The leader records that in the job's input stream and passes
// it on to the shells it is for.
type input struct {
	s     *Shell
	path  string // of the file; "" without
	limit int64
	bytes int64
	ended *idset.Set // leader: ranks whose input has ended
	all   bool       // leader: all of them
	// early is what has to wait until the tasks are there, and with them the
	// other shells.
	early   []func()
	started bool
}

func (in *input) init() error {
	kind, batch := "service", inputBatch
	in.limit = inputLimit
	opts := in.s.job.opts
	err := firstError(
		opts.object("input"),
		opts.str("input.stdin.type", &kind),
		opts.str("input.stdin.path", &in.path),
		opts.wait("input.batch-timeout", &batch),
		opts.size("input.limit", inputLimitMost, &in.limit),
	)
	if err != nil {
		return err
	}
	if in.s.leader() {
		in.stream().batch = duration(batch)
		in.s.log.debugf("input.util", "input batch timeout = %.3fs", batch)
	}
	switch kind {
	case "service":
		in.path = ""
		return in.serve()
	case "file":
		return in.useFile()
	}
	return fmt.Errorf("input.stdin.type=%s invalid", kind)
}

func (in *input) useFile() error {
	if in.path == "" {
		return fmt.Errorf("path for stdin file input not specified")
	}
	f, err := os.Open(in.path)
	if err != nil {
		return fmt.Errorf("error opening input file '%s': %s", in.path, message.ErrnoText(message.Errno(err)))
	}
	f.Close()
	if in.s.leader() {
		in.header()
		in.stream().add("redirect", redirect{"stdin", "all", in.path})
	}
	return nil
}

func (in *input) serve() error {
	in.s.service.handle("input", handler(in.s, in.passed))
	if in.s.leader() {
		in.ended = idset.New()
		in.header()
		in.s.service.handle("stdin", handler(in.s, in.stdin))
	}
	return nil
}

func (in *input) stream() *appender {
	return in.s.link.appender(in.s.job.ID, in.s.job.Attempt, "input", func(err error) {
		in.s.log.errorf("input", "%s", flux.ErrorText(err))
	})
}

// inputHeader is the context of the header event (RFC 24).
type inputHeader struct {
	Version  int               `json:"version"`
	Encoding map[string]string `json:"encoding"`
	Count    map[string]int    `json:"count"`
	Options  struct{}          `json:"options"`
}

func (in *input) header() {
	in.stream().add("header", inputHeader{Version: 1, Encoding: map[string]string{"stdin": "UTF-8"}, Count: map[string]int{"stdin": 1}})
}

// prepareTask opens the file anew for each task: each reads it from its beginning.
func (in *input) prepareTask(t *task) error {
	if in.path == "" {
		return nil
	}
	f, err := os.Open(in.path)
	if err != nil {
		return fmt.Errorf("error opening input file '%s': %s", in.path, message.ErrnoText(message.Errno(err)))
	}
	t.spec.Stdin = process.File(f)
	return nil
}

// stdin serves the leader's method of that name. It is answered when the input
// has been recorded, so that a sender that waits cannot run ahead.
func (in *input) stdin(m *flux.Message, io *rpc.IO) error {
	data, err := io.Bytes()
	if err != nil {
		return err
	}
	ranks, err := in.open(io.Rank)
	if err != nil {
		return err
	}
	if in.bytes += int64(len(data)); in.bytes > in.limit {
		in.s.die(1, "stdin exceeds %s limit. Try file input (flux submit --input=FILE) or redirect input to your command to avoid the KVS for large amounts of input", sizeText(in.limit))
	}
	if io.Stream == "" {
		io.Stream = "stdin"
	}
	in.stream().add("data", io)
	if io.EOF {
		in.stream().now = true
		in.end(ranks)
	}
	in.whenStarted(func() { in.spread(io, ranks) })
	in.stream().whenRoom(func() { in.s.link.respond(m, nil) })
	return nil
}

// open returns the ranks that input is for, nil for all. EPIPE when the input
// of any has ended.
func (in *input) open(text string) (*idset.Set, error) {
	if in.all {
		return nil, syscall.EPIPE
	}
	if text == "all" {
		return nil, nil
	}
	ranks, err := idset.Parse(text)
	if err != nil {
		return nil, message.Errorf(syscall.EINVAL, "%v", err)
	}
	if last, ok := ranks.Last(); ranks.Intersects(in.ended) || ok && int(last) >= in.s.plan.ntasks {
		return nil, syscall.EPIPE
	}
	return ranks, nil
}

func (in *input) end(ranks *idset.Set) {
	if ranks == nil {
		in.all = true
		return
	}
	in.ended.AddSet(ranks)
	in.all = in.ended.Len() == in.s.plan.ntasks
}

// spread brings input to the shells of the tasks it is for.
func (in *input) spread(io *rpc.IO, ranks *idset.Set) {
	if ranks == nil {
		in.passDown(io)
		in.feed(io)
		return
	}
	shells := idset.New()
	for r := range ranks.All() {
		if n, ok := in.s.plan.tasks.NodeID(int(r)); ok {
			shells.Add(uint32(n))
		}
	}
	for n := range shells.All() {
		if int(n) == in.s.plan.self {
			in.feed(io)
		} else {
			in.s.tell(int(n), "input", io)
		}
	}
}

// passed serves input, which comes from the shell above in the tree or, for
// some tasks only, from the leader.
func (in *input) passed(_ *flux.Message, io *rpc.IO) error {
	if io.Rank == "all" {
		in.passDown(io)
	}
	in.whenStarted(func() { in.feed(io) })
	return nil
}

func (in *input) passDown(io *rpc.IO) {
	first := in.s.plan.self*inputFanout + 1
	for n := first; n < min(first+inputFanout, in.s.plan.size()); n++ {
		in.s.tell(n, "input", io)
	}
}

// start lets go of what has come before the tasks were there.
func (in *input) start() error {
	in.started = true
	for _, fn := range in.early {
		fn()
	}
	in.early = nil
	return nil
}

// whenStarted calls fn when the tasks are there.
func (in *input) whenStarted(fn func()) {
	if in.started {
		fn()
		return
	}
	in.early = append(in.early, fn)
}

// feed gives input to the local tasks that it is for.
func (in *input) feed(io *rpc.IO) {
	ranks, err := idset.Parse(io.Rank)
	if io.Rank != "all" && err != nil {
		return
	}
	data, err := io.Bytes()
	if err != nil {
		return
	}
	for _, t := range in.s.tasks {
		if io.Rank != "all" && !ranks.Contains(uint32(t.rank)) || t.stdin == nil {
			continue
		}
		in.give(t, data, io.EOF)
	}
}

func (in *input) give(t *task, data []byte, eof bool) {
	if err := t.stdin.Write(data); errors.Is(err, syscall.ENOSPC) {
		in.s.log.warnf("input", "task %d: buffer full, closing stdin", t.rank)
		eof = true
	}
	if eof {
		t.stdin.Close()
	}
}
