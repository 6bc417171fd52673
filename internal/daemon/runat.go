// SPDX-License-Identifier: LGPL-3.0-or-later

package daemon

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"goflux/internal/core/lifecycle"
	"goflux/internal/sys/tty"
)

// phase is a list of commands that are run one after the other. It belongs to
// the driver's loop.
type phase struct {
	name     lifecycle.Phase
	commands []*command
	index    int
	code     int // of the first that failed
	aborted  bool
	current  *process
}

// process is a command that runs.
type process struct {
	cmd     *exec.Cmd // nil inside this process
	cancel  func()    // ends what runs inside
	pgrp    bool      // it has a process group of its own
	started time.Time
}

// runPhase starts a phase's first command.
func (l *driver) runPhase(name lifecycle.Phase) {
	p := l.phases[name]
	p.index, p.code = 0, 0
	if name == lifecycle.CleanupCmds {
		l.trimCleanup(p)
		return
	}
	l.nextCommand(p)
}

// nextCommand starts the next command of a phase, or ends it.
func (l *driver) nextCommand(p *phase) {
	if p.aborted || p.index == len(p.commands) {
		l.step(lifecycle.Done{Phase: p.name, Code: p.code})
		return
	}
	c := p.commands[p.index]
	l.notifySystemd("Running " + c.text)
	proc := &process{started: time.Now(), pgrp: !c.samePgrp}
	p.current = proc
	if c.inside != nil {
		l.runInside(p, c)
		return
	}
	wait, err := l.startCommand(p, c, proc)
	if err != nil {
		l.ended(p, c, exitOf(err), startErrorText(err))
		return
	}
	var state *os.ProcessState
	l.h.Go(func(context.Context) { state = wait() }, func() {
		code, how := describe(state)
		l.ended(p, c, code, how)
	})
}

func (l *driver) runInside(p *phase, c *command) {
	ctx, cancel := context.WithCancel(context.Background())
	p.current.cancel = cancel
	out := func(line string) { l.logLine(p, true, line) }
	errs := func(line string) { l.logLine(p, false, line) }
	var err error
	l.h.Go(func(context.Context) { err = c.inside(ctx, out, errs) }, func() {
		cancel()
		if err != nil {
			l.logLine(p, false, errText(err))
			l.ended(p, c, 1, "Exited")
			return
		}
		l.ended(p, c, 0, "Exited")
	})
}

// ended logs how a command went and goes on with the next.
func (l *driver) ended(p *phase, c *command, code int, how string) {
	if code == 0 && p.aborted {
		code, how = 1, "aborted after exit with rc=0"
	}
	elapsed := time.Since(p.current.started).Seconds()
	text := fmt.Sprintf("%s.%d: %s %s (rc=%d) %.1fs", p.name, p.index, c.text, how, code, elapsed)
	if code == 0 {
		l.log.Info(text)
	} else {
		l.log.Error(text)
	}
	if code != 0 && p.code == 0 {
		p.code = code
	}
	p.current = nil
	p.index++
	l.nextCommand(p)
}

// startCommand starts a command; wait waits for it and for its output.
func (l *driver) startCommand(p *phase, c *command, proc *process) (wait func() *os.ProcessState, err error) {
	cmd := exec.Command(c.argv[0], c.argv[1:]...)
	cmd.Env = l.d.environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: !c.samePgrp}
	restore := func() {}
	var output sync.WaitGroup
	if c.logged {
		if err := l.logOutput(p, cmd, &output); err != nil {
			return nil, err
		}
	} else {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		restore = toForeground(cmd)
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	proc.cmd = cmd
	return func() *os.ProcessState {
		output.Wait()
		_ = cmd.Wait() // the state tells all
		restore()
		return cmd.ProcessState
	}, nil
}

// logOutput sends a command's output to the log, line by line.
func (l *driver) logOutput(p *phase, cmd *exec.Cmd, output *sync.WaitGroup) error {
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	for r, info := range map[io.Reader]bool{stdout: true, stderr: false} {
		output.Go(func() { l.logLines(p, info, r) })
	}
	return nil
}

// maxLine is how long a line of output may be before it is cut in two.
const maxLine = 16 << 10

func (l *driver) logLines(p *phase, info bool, r io.Reader) {
	br := bufio.NewReaderSize(r, maxLine)
	for {
		line, _, err := br.ReadLine()
		if err != nil {
			return
		}
		l.logLine(p, info, string(line))
	}
}

// logLine logs a line of output of a phase's present command.
func (l *driver) logLine(p *phase, info bool, line string) {
	text := fmt.Sprintf("%s.%d: %s", p.name, p.index, line)
	if info {
		l.log.Info(text)
	} else {
		l.log.Error(text)
	}
}

// toForeground gives a command the terminal, if the broker has it, and returns
// what takes it back.
func toForeground(cmd *exec.Cmd) (restore func()) {
	if !cmd.SysProcAttr.Setpgid || !tty.Foreground(os.Stdin) {
		return func() {}
	}
	cmd.SysProcAttr.Foreground, cmd.SysProcAttr.Ctty = true, 0
	return tty.Keep(os.Stdin)
}

// abortPhase hangs up on a phase: its present command gets a signal, the rest
// are not run.
func (l *driver) abortPhase(name lifecycle.Phase) {
	p := l.phases[name]
	p.aborted = true
	switch {
	case p.current == nil:
		return
	case p.current.cancel != nil:
		p.current.cancel()
		return
	}
	pid := p.current.cmd.Process.Pid
	if p.current.pgrp {
		pid = -pid
	}
	if err := syscall.Kill(pid, syscall.SIGHUP); err != nil && !errors.Is(err, syscall.ESRCH) {
		l.log.Error("kill "+string(name), "err", err)
	}
}

// exitOf is what a shell would exit with for a command that does not start.
func exitOf(err error) int {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, exec.ErrNotFound) {
		return 127
	}
	return 126
}

func startErrorText(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return "error starting command: " + errText(err)
}

// describe tells a process's end as a shell's exit status and in words.
func describe(s *os.ProcessState) (code int, how string) {
	if s == nil {
		return 1, "lost"
	}
	if ws, ok := s.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal()), signalText(ws.Signal())
	}
	return s.ExitCode(), "Exited"
}

// signalText is strsignal(3) for the signals that end programs.
func signalText(s syscall.Signal) string {
	if t, ok := map[syscall.Signal]string{
		syscall.SIGHUP: "Hangup", syscall.SIGINT: "Interrupt", syscall.SIGQUIT: "Quit",
		syscall.SIGKILL: "Killed", syscall.SIGTERM: "Terminated", syscall.SIGALRM: "Alarm clock",
		syscall.SIGSEGV: "Segmentation fault", syscall.SIGABRT: "Aborted",
		syscall.SIGUSR1: "User defined signal 1", syscall.SIGUSR2: "User defined signal 2",
	}[s]; ok {
		return t
	}
	return s.String()
}
