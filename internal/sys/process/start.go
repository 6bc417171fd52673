// SPDX-License-Identifier: LGPL-3.0-or-later

package process

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// shell runs text files without an interpreter line.
const shell = "/bin/sh"

// Process is a child that has been started.
type Process struct {
	Pid int
	// Our ends of the child's files, nil where it has none. They are
	// non-blocking and the caller's to close.
	Stdin, Stdout, Stderr *os.File
	Channels              map[string]*os.File

	group bool
}

// Error is a start that failed: what could not be done, to what. It wraps an
// errno, that of execve(2) for a program that could not be run.
type Error struct {
	Op, Name string
	Err      error
}

func (e *Error) Error() string { return fmt.Sprintf("%s %s: %v", e.Op, e.Name, e.Err) }

// Unwrap gives the errno.
func (e *Error) Unwrap() error { return e.Err }

// Start starts a child. It returns when the program has been executed, or has
// failed to be. The caller hands the pid to a [Reaper].
func Start(s *Spec) (*Process, error) {
	if len(s.Args) == 0 {
		return nil, &Error{"exec", `""`, syscall.EINVAL}
	}
	if err := checkDir(s.Dir); err != nil {
		return nil, &Error{"chdir", s.Dir, err}
	}
	path, err := lookup(s.Args[0], s.Dir, s.Env)
	if err != nil {
		return nil, &Error{"exec", s.Args[0], err}
	}
	f, err := openFiles(s)
	if err != nil {
		return nil, &Error{"start", s.Args[0], err}
	}
	pid, err := fork(s, path, f)
	runtime.KeepAlive(s) // its files stay open until the child has them
	if err != nil {
		f.closeAll()
		return nil, &Error{"exec", s.Args[0], err}
	}
	f.dropChildEnds()
	return &Process{
		Pid: pid, Stdin: f.stdio[0], Stdout: f.stdio[1], Stderr: f.stdio[2],
		Channels: f.chans, group: s.group(),
	}, nil
}

// checkDir tells a directory that cannot be entered from a program that
// cannot be run: execve and chdir fail with the same errnos.
func checkDir(dir string) error {
	if dir == "" {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return syscall.ENOTDIR
	}
	return unix.Faccessat(unix.AT_FDCWD, dir, unix.X_OK, unix.AT_EACCESS)
}

func fork(s *Spec, path string, f *files) (int, error) {
	attr := &syscall.ProcAttr{
		Dir: s.Dir, Env: lastOfEach(append(s.Env[:len(s.Env):len(s.Env)], f.env...)),
		Files: f.child, Sys: s.sysProcAttr(),
	}
	run := func() (int, error) {
		pid, err := syscall.ForkExec(path, s.Args, attr)
		if errors.Is(err, syscall.ENOEXEC) {
			args := append([]string{shell, path}, s.Args[1:]...)
			pid, err = syscall.ForkExec(shell, args, attr)
		}
		return pid, err
	}
	if limits := withOpenFiles(s.Limits); len(limits) > 0 {
		plain := run
		run = func() (int, error) { return withLimits(limits, plain) }
	}
	if s.StopAtExec {
		run = stopped(run)
	}
	if s.CPUs == nil && !s.StopAtExec {
		return run()
	}
	return onThread(s.CPUs, s.StopAtExec, run)
}

// onThread runs fork on a thread that has the affinity the child shall have.
// A thread that could not be given its own back dies, as does one that traces.
func onThread(cpus []int, traces bool, fork func() (int, error)) (pid int, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if cpus == nil {
			pid, err = fork()
			return
		}
		var own, set unix.CPUSet
		for _, c := range cpus {
			set.Set(c)
		}
		if err = unix.SchedGetaffinity(0, &own); err != nil {
			return
		}
		if err = unix.SchedSetaffinity(0, &set); err != nil {
			return
		}
		pid, err = fork()
		if unix.SchedSetaffinity(0, &own) == nil && !traces {
			runtime.UnlockOSThread()
		}
	}()
	<-done
	return pid, err
}

// stopped leaves the child that fork starts, traced by us, stopped and on its
// own. It is for one thread: the tracer.
func stopped(fork func() (int, error)) func() (int, error) {
	return func() (int, error) {
		pid, err := fork()
		if err != nil {
			return 0, err
		}
		var st syscall.WaitStatus
		for {
			_, err = syscall.Wait4(pid, &st, syscall.WUNTRACED, nil)
			if err != syscall.EINTR {
				break
			}
		}
		if err != nil || !st.Stopped() {
			return 0, syscall.ESRCH
		}
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			return 0, err
		}
		return pid, syscall.PtraceDetach(pid)
	}
}

// lastOfEach drops all but the last value of each variable: programs differ in
// which of two they take.
func lastOfEach(env []string) []string {
	last := make(map[string]int, len(env))
	for i, kv := range env {
		last[name(kv)] = i
	}
	if len(last) == len(env) {
		return env
	}
	out := make([]string, 0, len(last))
	for i, kv := range env {
		if last[name(kv)] == i {
			out = append(out, kv)
		}
	}
	return out
}

func name(kv string) string {
	for i := range len(kv) {
		if kv[i] == '=' {
			return kv[:i]
		}
	}
	return kv
}

// Kill sends a signal to the child's process group if it leads one, else to
// the child. ESRCH when nothing is left to signal.
func (p *Process) Kill(sig syscall.Signal) error {
	pid := p.Pid
	if p.group {
		pid = -pid
	}
	return syscall.Kill(pid, sig)
}
