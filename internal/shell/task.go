// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/sys/process"
)

// stdinBuffer is how much input a task may be behind, in bytes.
const stdinBuffer = 32 << 20

// task is one task of the job on this node.
type task struct {
	s     *Shell
	index int // on this node
	rank  int // in the job
	spec  process.Spec
	env   map[string]string // what differs from the job's
	unset []string          // variables of the job's that it does not get

	proc   *process.Process
	stdin  *process.Input // nil without
	open   int            // output streams that have not ended
	ended  bool           // the process has
	status syscall.WaitStatus
}

// active reports whether the process or its output goes on.
func (t *task) active() bool { return t.proc != nil && (!t.ended || t.open > 0) }

func (t *task) exitCode() int {
	switch {
	case !t.ended:
		return 0
	case t.status.Signaled():
		return 128 + int(t.status.Signal())
	}
	return t.status.ExitStatus()
}

// info is what is told of a task that has ended.
func (t *task) info() *rpc.ShellTask {
	i := &rpc.ShellTask{
		LocalID: t.index, Rank: t.rank, State: "Exited", Pid: t.proc.Pid,
		WaitStatus: int(t.status), ExitCode: t.exitCode(),
	}
	if t.status.Signaled() {
		i.Signaled = int(t.status.Signal())
	}
	return i
}

// setEnvironment sets what all tasks have in their environment
// (flux-environment(7)).
func (s *Shell) setEnvironment() {
	env := s.job.env
	delete(env, "FLUX_PROXY_REMOTE")
	for _, name := range []string{"FLUX_URI", "FLUX_KVS_NAMESPACE"} {
		if v, ok := os.LookupEnv(name); ok {
			env[name] = v
		}
	}
	env["FLUX_JOB_ID_PATH"] = strings.TrimSuffix(s.attr("jobid-path"), "/") + "/" + s.idText()
	env["FLUX_JOB_ID"] = s.idText()
	env["FLUX_JOB_SIZE"] = strconv.Itoa(s.plan.ntasks)
	env["FLUX_JOB_NNODES"] = strconv.Itoa(s.plan.size())
	if _, ok := env["HOSTNAME"]; ok { // the submitter's
		env["HOSTNAME"] = s.hostname
	}
}

func (s *Shell) makeTasks() {
	index := 0
	for id := range s.plan.tasks.TaskIDs(s.plan.self).All() {
		t := &task{s: s, index: index, rank: int(id), env: map[string]string{}}
		t.spec.Args = append([]string(nil), s.job.command...)
		t.env["FLUX_TASK_LOCAL_ID"] = strconv.Itoa(index)
		t.env["FLUX_TASK_RANK"] = strconv.Itoa(t.rank)
		s.tasks = append(s.tasks, t)
		index++
	}
}

// startTasks starts all, and tells the instance when all shells have.
func (s *Shell) startTasks() error {
	var noSetpgrp bool
	opts := s.job.opts
	if err := firstError(opts.flag("nosetpgrp", &noSetpgrp), opts.flag("stop-tasks-in-exec", &s.events.sync)); err != nil {
		return err
	}
	base := make([]string, 0, len(s.job.env)+len(s.tasks))
	for _, name := range slices.Sorted(maps.Keys(s.job.env)) { // the same in each run
		base = append(base, name+"="+s.job.env[name])
	}
	for _, t := range s.tasks {
		t.spec.Group, t.spec.StopAtExec = !noSetpgrp, s.events.sync
		if err := t.start(base); err != nil {
			return err
		}
	}
	if err := each(s, starter.start); err != nil {
		return err
	}
	s.deliverEarly()
	s.barrier()
	s.events.shellStart()
	if len(s.tasks) == 0 {
		s.tasksEnded()
	}
	return nil
}

func (t *task) start(base []string) error {
	s := t.s
	t.spec.Stdin, t.spec.Stdout, t.spec.Stderr = process.Pipe, process.Pipe, process.Pipe
	if err := each(s, func(p taskPreparer) error { return p.prepareTask(t) }); err != nil {
		return fmt.Errorf("failed to initialize taskid=%d: %w", t.rank, err)
	}
	for i, arg := range t.spec.Args {
		if strings.Contains(arg, "{{") {
			t.spec.Args[i] = s.render(arg, s.plan.self, t)
		}
	}
	t.spec.Dir = s.dir
	t.spec.Env = t.inherit(base)
	for _, name := range slices.Sorted(maps.Keys(t.env)) {
		t.spec.Env = append(t.spec.Env, name+"="+t.env[name])
	}
	proc, err := process.Start(&t.spec)
	if err != nil {
		s.die(startCode(err), "task %d (host %s): start failed: %s: %s",
			t.rank, s.hostname, t.commandName(), message.ErrnoText(message.Errno(err)))
	}
	t.run(proc)
	return nil
}

// inherit is the job's environment without what the task does not get.
func (t *task) inherit(base []string) []string {
	if len(t.unset) == 0 {
		return base[:len(base):len(base)]
	}
	var out []string
	for _, kv := range base {
		name, _, _ := strings.Cut(kv, "=")
		if !slices.Contains(t.unset, name) {
			out = append(out, kv)
		}
	}
	return out
}

func (t *task) commandName() string {
	if len(t.spec.Args) == 0 {
		return ""
	}
	return t.spec.Args[0]
}

// startCode is the exit code that command interpreters give for such an error.
func startCode(err error) int {
	switch {
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return 126
	case errors.Is(err, syscall.ENOENT):
		return 127
	}
	return 1
}

// run takes over a process that has been started.
func (t *task) run(proc *process.Process) {
	s := t.s
	t.proc = proc
	s.running++
	s.hold("task")
	if proc.Stdin != nil {
		t.stdin = process.NewInput(proc.Stdin, stdinBuffer, nil)
	}
	all(s, func(p taskStarter) { p.taskStarted(t) })
	s.reaper.Watch(proc.Pid, func(st syscall.WaitStatus) {
		s.post(func() { t.changed(st) })
	})
}

func (t *task) changed(st syscall.WaitStatus) {
	if st.Stopped() {
		return
	}
	t.ended, t.status = true, st
	if t.stdin != nil {
		t.stdin.Abandon()
	}
	t.settle()
}

// pump reads one of the task's streams and hands it to the loop, a piece at a
// time: take calls its argument when it has disposed of the piece, and only
// then is more read. ended is called on the loop.
func (t *task) pump(r io.ReadCloser, lines bool, take func(data []byte, taken func()), ended func()) {
	t.open++
	go func() {
		taken := make(chan struct{}, 1)
		process.Pump(r, lines, maxPiece, func(data []byte) {
			t.s.post(func() { take(data, func() { taken <- struct{}{} }) })
			<-taken
		})
		r.Close()
		t.s.post(func() {
			ended()
			t.open--
			t.settle()
		})
	}()
}

// maxPiece bounds a line: one event carries it.
const maxPiece = 1 << 20

// settle finishes with a task that is no longer active.
func (t *task) settle() {
	if t.active() {
		return
	}
	s := t.s
	all(s, func(p taskExiter) { p.taskExited(t) })
	s.running--
	if s.running == 0 {
		s.tasksEnded()
	}
	s.release("task")
}

// tasksEnded is called when the last local task has ended.
func (s *Shell) tasksEnded() {
	s.link.parting = true
	all(s, finisher.finish)
}

// kill signals a task, the whole of its process group.
func (t *task) kill(sig syscall.Signal) error {
	if t.proc == nil || t.ended {
		return syscall.ESRCH
	}
	return t.proc.Kill(sig)
}

// killTasks signals all tasks that run.
func (s *Shell) killTasks(sig syscall.Signal) {
	for _, t := range s.tasks {
		if err := t.kill(sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			s.log.errorf("", "kill task %d: signal %d: %s", t.rank, sig, message.ErrnoText(message.Errno(err)))
		}
	}
}

// forward passes on what the shell itself is sent. Signals that come before the
// tasks are there wait for them.
func (s *Shell) forward(sig syscall.Signal) {
	s.log.debugf("signals", "forwarding signal %d to tasks", int(sig))
	if s.early != nil || s.running == 0 {
		s.early = append(s.early, sig)
		return
	}
	s.killTasks(sig)
}

func (s *Shell) deliverEarly() {
	sigs := s.early
	s.early = nil
	for _, sig := range sigs {
		s.killTasks(sig)
	}
}
