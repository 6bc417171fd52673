// SPDX-License-Identifier: LGPL-3.0-or-later

package jobagent

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/sys/process"
	"goflux/internal/sys/topology"
)

// Node is what the agent does to its node: shells, and the directories of jobs.
// Its methods are called on the agent's loop but for Remove.
type Node interface {
	// Cores are the node's cores as lists of processors.
	Cores() ([]string, error)
	// Start makes a job's directory and starts its shell, and returns the
	// process id. An error leaves no shell, but it may leave the directory.
	Start(*Start) (pid int, err error)
	// Found are the directories in dir that an earlier broker has left: those
	// whose names end in suffix.
	Found(dir, suffix string) []Found
	// Watch calls ended, on the loop, with the wait status of the shell that
	// was started or found alive in dir.
	Watch(dir string, pid int, ended func(status int))
	// Kill signals a process, or with a negative pid a process group.
	Kill(pid int, sig syscall.Signal) error
	// Log is the end of what a shell printed itself.
	Log(dir string) string
	// Remove removes a job's directory. It blocks, off the loop.
	Remove(dir string)
	Close()
}

// Start is a shell to be started.
type Start struct {
	Dir  string
	Info []byte // for the shell, in a file
	Args []string
	Env  []string
}

// Found is a job's directory with what is left of its shell.
type Found struct {
	Dir    string
	Info   rpc.ShellInfo
	Pid    int
	Alive  bool
	Status int   // how it ended, when it is not alive
	Err    error // the directory tells nothing
}

// system is the node this process runs on.
type system struct {
	h       service.Host
	reaper  *process.Reaper
	foreign map[string]*process.Foreign // shells of an earlier broker, by directory
}

func newSystem(h service.Host) Node {
	return &system{h: h, reaper: process.NewReaper(), foreign: map[string]*process.Foreign{}}
}

func (n *system) Close() { n.reaper.Close() }

func (n *system) Cores() ([]string, error) {
	m, err := topology.Local(true)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(m.Cores))
	for i := range m.Cores {
		out[i] = m.Cores[i].CPUs.String()
	}
	return out, nil
}

func (n *system) Start(s *Start) (int, error) {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return 0, message.Errorf(message.Errno(err), "making the job's directory: %v", err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir, infoFile), s.Info, 0o600); err != nil {
		return 0, message.Errorf(message.Errno(err), "writing the shell's information: %v", err)
	}
	out, err := os.OpenFile(filepath.Join(s.Dir, logFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return 0, message.Errorf(message.Errno(err), "opening the shell's log: %v", err)
	}
	defer out.Close()
	p, err := process.Start(&process.Spec{
		Args: s.Args, Env: s.Env, Dir: "/",
		Stdout: process.File(out), Stderr: process.File(out), Session: true,
	})
	if err != nil {
		os.RemoveAll(s.Dir)
		return 0, message.Errorf(message.Errno(err), "%s: %s", s.Args[0], message.ErrnoText(message.Errno(err)))
	}
	if err := writePid(s.Dir, p.Pid); err != nil {
		n.h.Log().Error("a restarted broker will not find the shell", "path", s.Dir, "err", err)
	}
	return p.Pid, nil
}

func (n *system) Watch(dir string, pid int, ended func(status int)) {
	if f := n.foreign[dir]; f != nil {
		delete(n.foreign, dir)
		n.h.Go(f.Wait, func() { ended(exitStatus(dir)) })
		return
	}
	n.reaper.Watch(pid, func(ws syscall.WaitStatus) {
		if ws.Exited() || ws.Signaled() {
			n.h.Post(func() { ended(int(ws)) })
		}
	})
}

func (n *system) Kill(pid int, sig syscall.Signal) error { return syscall.Kill(pid, sig) }

func (n *system) Remove(dir string) { os.RemoveAll(dir) }

func (n *system) Log(dir string) string { return tail(filepath.Join(dir, logFile)) }

func (n *system) Found(dir, suffix string) []Found {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // there is none: the ordinary case
	}
	var out []Found
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) {
			out = append(out, n.find(filepath.Join(dir, e.Name())))
		}
	}
	return out
}

func (n *system) find(dir string) Found {
	f := Found{Dir: dir}
	if f.Err = readJSON(filepath.Join(dir, infoFile), &f.Info); f.Err != nil {
		return f
	}
	var started string
	if f.Pid, started, f.Err = readPid(filepath.Join(dir, pidFile)); f.Err != nil {
		return f
	}
	alive, ok := process.Find(f.Pid, started)
	if f.Alive = ok; ok {
		n.foreign[dir] = alive
	} else {
		f.Status = exitStatus(dir)
	}
	return f
}

// Files in a job's directory, beside the shell's exit record.
const (
	infoFile = "info.json"
	logFile  = "shell.log"
	// pidFile has the shell's process id and when that process started, so
	// that another one that got its number is not taken for it.
	pidFile = "pid"
)

// maxShellLog bounds how much of what a shell printed is reported.
const maxShellLog = 64 << 10

// lostStatus is the wait status of a shell that ended and left no record: as if
// it had been killed.
const lostStatus = int(syscall.SIGKILL)

// writePid notes which process a shell is.
func writePid(dir string, pid int) error {
	return os.WriteFile(filepath.Join(dir, pidFile), fmt.Appendf(nil, "%d %s\n", pid, process.StartTime(pid)), 0o600)
}
