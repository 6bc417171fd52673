// SPDX-License-Identifier: LGPL-3.0-or-later

package cron

import (
	"bytes"
	"errors"
	"fmt"
	"syscall"

	"goflux/internal/core/cron"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// maxLine bounds what is kept of a line that has not ended.
const maxLine = 4096

// task is a process on its way.
type task struct {
	status *int              // once it has ended
	rest   map[string][]byte // by stream: a line whose end has not come
}

// launch starts an entry's command.
func (s *instance) launch(e *cron.Entry) {
	t := &task{rest: map[string][]byte{}}
	s.h.Request(service.Request{
		Topic: "rexec.exec", NodeID: e.Rank, Flags: message.FlagStreaming,
		Payload: &rpc.RexecExec{
			Flags: rpc.RexecStdout | rpc.RexecStderr,
			Cmd: &rpc.Command{
				Cmdline: []string{"sh", "-c", e.Command}, Cwd: e.Cwd, Env: e.Env,
				Opts: map[string]string{}, Channels: []string{},
			},
		},
	}, func(m *message.Message) { s.heard(e, t, m) })
}

// heard takes an answer of the subprocess server: the last one is an error.
func (s *instance) heard(e *cron.Entry, t *task, m *message.Message) {
	if err := m.Err(); err != nil {
		s.over(e, t, err)
		return
	}
	var ev rpc.RexecEvent
	if err := m.Decode(&ev); err != nil {
		s.h.Log().Error(fmt.Sprintf("cron-%d: answer of the subprocess server: %v", e.ID, err))
		return
	}
	switch ev.Type {
	case "started":
		s.m.Running(s.h.Now(), e, ev.Pid)
	case "finished":
		t.status = ev.Status
	case "output":
		s.output(e, t, ev.IO)
	}
}

// over ends a task whose process is no more, or never was.
func (s *instance) over(e *cron.Entry, t *task, err error) {
	for _, stream := range [...]string{"stdout", "stderr"} {
		s.logLine(e, stream, t.rest[stream])
	}
	if errors.Is(err, syscall.ENODATA) && t.status != nil {
		s.m.Ended(s.h.Now(), e, syscall.WaitStatus(*t.status))
		return
	}
	s.m.LaunchFailed(s.h.Now(), e, message.Errno(err))
}

// output logs what a command has printed, by lines.
func (s *instance) output(e *cron.Entry, t *task, io *rpc.IO) {
	if io == nil {
		return
	}
	data, err := io.Bytes()
	if err != nil {
		s.h.Log().Error(fmt.Sprintf("cron-%d: %v", e.ID, err))
		return
	}
	text := append(t.rest[io.Stream], data...)
	for {
		line, more, ok := bytes.Cut(text, []byte("\n"))
		if !ok {
			break
		}
		s.logLine(e, io.Stream, line)
		text = more
	}
	if len(text) > maxLine {
		s.logLine(e, io.Stream, text)
		text = nil
	}
	t.rest[io.Stream] = text
}

func (s *instance) logLine(e *cron.Entry, stream string, line []byte) {
	if len(line) == 0 {
		return
	}
	text := fmt.Sprintf("cron-%d[%s]: rank=%d: command=\"%s\": \"%s\"", e.ID, e.Name, e.Rank, e.Command, line)
	if stream == "stderr" {
		s.h.Log().Error(text)
		return
	}
	s.h.Log().Info(text)
}

// kill signals a running process. That it has ended meanwhile is no error.
func (s *instance) kill(k cron.Kill) {
	s.h.Request(service.Request{
		Topic: "rexec.kill", NodeID: k.Entry.Rank,
		Payload: &rpc.RexecKill{RexecTarget: rpc.RexecTarget{Pid: k.Pid}, Signum: int(k.Signal)},
	}, func(m *message.Message) {
		if err := m.Err(); err != nil && !errors.Is(err, syscall.ESRCH) {
			s.h.Log().Error(fmt.Sprintf("cron-%d: kill: %v", k.Entry.ID, err))
		}
	})
}
