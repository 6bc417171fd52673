// SPDX-License-Identifier: LGPL-3.0-or-later

package jobagent

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"goflux/internal/install"
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
	// Remembers tells whether dir still has what agents did on this node, whose
	// names end in suffix, since the last call of Remember.
	Remembers(dir, suffix string) bool
	Remember(dir, suffix string) error
	// Watch calls ended, on the loop, with the wait status of the shell that
	// was started or found alive in dir.
	Watch(dir string, pid int, ended func(status int))
	// Kill signals a process, or with a negative pid a process group.
	Kill(pid int, sig syscall.Signal) error
	// Rest is what the shell of the job in dir has left to be added to the job's
	// streams, having ended.
	Rest(dir string) []rpc.ShellRest
	// Log is the end of what a shell printed itself that was started in dir.
	Log(dir string) string
	// Remove removes a job's directory. It blocks, off the loop.
	Remove(dir string)
	Close()
}

// Hander is a Node whose shells can take one job after another.
type Hander interface {
	// Hand makes the directory of a job that a shell takes which is there, the
	// process info.Pid.
	Hand(dir string, info *rpc.ShellInfo) error
	// Started is when a process was started (see ShellInfo).
	Started(pid int) string
	// Ended is the wait status of such a job, the process having ended with
	// one: a shell that leaves no record has not had the job to its end.
	Ended(dir string, status int) int
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
	// Unbegun says that no shell has begun the job, nor will.
	Unbegun bool
}

// system is the node this process runs on.
type system struct {
	h       service.Host
	reaper  *process.Reaper
	foreign map[string]*process.Foreign // shells of an earlier broker, by directory
	logs    map[string]*os.File         // what shells print that run, by the directory they were started in
	spares  spares
}

func newSystem(h service.Host) Node {
	return &system{h: h, reaper: process.NewReaper(), foreign: map[string]*process.Foreign{}, logs: map[string]*os.File{}}
}

func (n *system) Close() {
	n.reaper.Close()
	for dir := range n.logs {
		n.closeLog(dir)
	}
	n.spares.remove()
}

func (n *system) Cores() ([]string, error) {
	// As the resource service sees the node (flux-config-resource(5)).
	conf, _ := n.h.Config()["resource"].(map[string]any)
	norestrict, _ := conf["norestrict"].(bool)
	m, err := topology.Local(!norestrict)
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
	if err := n.spares.makeJob(s.Dir, s.Info); err != nil {
		return 0, err
	}
	out, err := os.OpenFile(filepath.Join(s.Dir, logFile), os.O_CREATE|os.O_RDWR|os.O_APPEND|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, message.Errorf(message.Errno(err), "opening the shell's log: %v", err)
	}
	p, err := process.Start(&process.Spec{
		Args: s.Args, Env: s.Env, Dir: "/",
		Stdout: process.File(out), Stderr: process.File(out), Session: true,
	})
	if err != nil {
		out.Close()
		os.RemoveAll(s.Dir)
		return 0, message.Errorf(message.Errno(err), "%s: %s", s.Args[0], message.ErrnoText(message.Errno(err)))
	}
	n.logs[s.Dir] = out
	if s.Args[0] != install.Shell() { // which leaves a note itself
		if err := leaveNote(s.Dir, p.Pid); err != nil {
			n.h.Log().Error("a restarted broker will not find the shell", "path", s.Dir, "err", err)
		}
	}
	return p.Pid, nil
}

func (n *system) Started(pid int) string { return process.StartTime(pid) }

func (n *system) Hand(dir string, info *rpc.ShellInfo) error {
	text, err := message.Marshal(info)
	if err != nil {
		return message.Errorf(message.Errno(err), "writing the shell's information: %v", err)
	}
	return n.spares.makeJob(dir, text)
}

func (n *system) Ended(dir string, status int) int {
	if record := exitRecord(dir); record != nil {
		return record.Status
	}
	if syscall.WaitStatus(status).Exited() {
		return lostStatus
	}
	return status
}

func (n *system) Rest(dir string) []rpc.ShellRest {
	if record := exitRecord(dir); record != nil {
		return record.Rest
	}
	return nil
}

func (n *system) Watch(dir string, pid int, ended func(status int)) {
	if f := n.foreign[dir]; f != nil {
		delete(n.foreign, dir)
		n.h.Go(f.Wait, func() { n.sweep(pid, exitStatus(dir), ended) })
		return
	}
	n.reaper.Watch(pid, func(ws syscall.WaitStatus) {
		if ws.Exited() || ws.Signaled() {
			n.h.Post(func() {
				n.sweep(pid, int(ws), func(status int) {
					ended(status)
					n.closeLog(dir)
				})
			})
		}
	})
}

// sweep ends what a shell that was killed has left: nobody else would. A shell
// that ends by itself has ended its tasks, or leaves what it was told to.
func (n *system) sweep(pid, status int, done func(status int)) {
	if !syscall.WaitStatus(status).Signaled() {
		done(status)
		return
	}
	n.h.Go(func(context.Context) { process.KillSession(pid) }, func() { done(status) })
}

func (n *system) closeLog(dir string) {
	if f := n.logs[dir]; f != nil {
		f.Close()
		delete(n.logs, dir)
	}
}

func (n *system) Kill(pid int, sig syscall.Signal) error { return syscall.Kill(pid, sig) }

func (n *system) Remove(dir string) {
	if !n.spares.keep(dir) {
		os.RemoveAll(dir)
	}
}

func (n *system) Log(dir string) string {
	if f := n.logs[dir]; f != nil {
		return tail(f)
	}
	f, err := os.Open(filepath.Join(dir, logFile))
	if err != nil {
		return ""
	}
	defer f.Close()
	return tail(f)
}

func (n *system) Found(dir, suffix string) []Found {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // there is none: the ordinary case
	}
	var out []Found
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), spareName+suffix+".") {
			os.RemoveAll(filepath.Join(dir, e.Name()))
		}
		if id, ok := strings.CutSuffix(e.Name(), suffix); ok {
			out = append(out, n.find(filepath.Join(dir, e.Name()), id))
		}
	}
	return out
}

// find looks at the directory of a job whose id is in its name.
func (n *system) find(dir, id string) Found {
	f := Found{Dir: dir}
	err := readJSON(filepath.Join(dir, infoFile), &f.Info)
	if err != nil || f.Info.ID.F58ASCII() != id { // it was being made
		f.Info, f.Unbegun = rpc.ShellInfo{}, true
		return f
	}
	// A shell that has left its record may be waiting for another job.
	if record := exitRecord(dir); record != nil {
		f.Status = record.Status
		return f
	}
	pid, started, ok := readNote(dir)
	if !ok {
		n.forestall(dir, &f.Info)
		if pid, started, ok = readNote(dir); !ok {
			f.Unbegun = true
			return f
		}
	}
	f.Pid = pid
	alive, ok := process.Find(pid, started)
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
)

// maxShellLog bounds how much of what a shell printed is reported.
const maxShellLog = 64 << 10

// lostStatus is the wait status of a shell that ended and left no record: as if
// it had been killed.
const lostStatus = int(syscall.SIGKILL)

// A job's directory may be used again for another: a note in it is about the job
// it is named after.

func leaveNote(dir string, pid int) error {
	return process.LeaveNote(filepath.Join(dir, rpc.ShellNoteFile), pid, filepath.Base(dir))
}

func readNote(dir string) (pid int, started string, ok bool) {
	return process.ReadNote(filepath.Join(dir, rpc.ShellNoteFile), filepath.Base(dir))
}

// forestallTime bounds how long it is waited for the end of a process that is
// killed.
const forestallTime = 2 * time.Second

// forestall ends shells that were on their way to a job when the broker went
// away, and have left no note that they began: another will be started.
func (n *system) forestall(dir string, info *rpc.ShellInfo) {
	pids := process.WithEnviron(rpc.ShellInfoEnv + "=" + filepath.Join(dir, infoFile))
	if info.Pid != 0 && process.StartTime(info.Pid) == info.Started {
		pids = append(pids, info.Pid)
	}
	ctx, cancel := context.WithTimeout(context.Background(), forestallTime)
	defer cancel()
	for _, pid := range pids {
		if p, ok := process.Find(pid, process.StartTime(pid)); ok {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
			p.Wait(ctx)
		}
	}
}

// tail returns the end of a file as far as it is to be reported.
func tail(f *os.File) string {
	st, err := f.Stat()
	if err != nil || st.Size() == 0 {
		return ""
	}
	b := make([]byte, min(st.Size(), maxShellLog))
	n, _ := f.ReadAt(b, st.Size()-int64(len(b)))
	return strings.ToValidUTF8(string(b[:n]), "?")
}
