// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"

	"goflux/flux"
	"goflux/internal/rpc"
	"goflux/internal/sys/process"
)

// maxTurns bounds how many jobs a process takes: whatever one might leave
// behind in it goes with it.
const maxTurns = 256

// seat is the process of a shell: one job's shell after another sits in it,
// while the agent that started it has jobs. Only the shell of a plain job that
// came to an ordinary end makes room for another: see [Shell.tidy].
type seat struct {
	client *flux.Client // free for the next shell; nil when there is none
	reaper *process.Reaper
	cgroup cgroup // of all its jobs: finding it is a thirtieth of what a short one costs a shell
	dir    string // empty, for the next shell's temporary one; "" when there is none

	mu  sync.Mutex // of now: signals come on a goroutine of their own
	now *Shell
}

// Run runs a job shell to its end, and others after it if there are, and
// returns the exit code of the last.
func Run(o Options) int {
	p := &seat{reaper: process.NewReaper(), cgroup: ownCgroup()}
	defer p.reaper.Close()
	defer p.dropDir()
	ch := make(chan os.Signal, 8)
	// Before anybody can know that the shell is there. SIGPIPE is taken, not
	// ignored: tasks would inherit that.
	signal.Notify(ch, syscall.SIGINT, syscall.SIGTERM, syscall.SIGALRM, syscall.SIGPIPE)
	go p.passSignals(ch)
	for range maxTurns - 1 {
		rc, next := p.run(o, true)
		if next == nil {
			return rc
		}
		o.ID, o.InfoPath = next.ID, next.Info
		p.enter(o)
	}
	rc, _ := p.run(o, false)
	return rc
}

// run runs a shell and, if it may stay, asks for the next job.
func (p *seat) run(o Options, mayStay bool) (rc int, next *rpc.AgentJob) {
	s := newShell(o, p)
	p.occupy(s)
	rc = s.run(o)
	if s.job != nil {
		s.leaveRecord(rc)
	}
	if p.client == nil {
		return rc, nil
	}
	p.occupy(nil)
	defer func() {
		if next == nil {
			p.client.Close()
		}
	}()
	if !mayStay {
		return rc, nil
	}
	got := &rpc.AgentJob{}
	err := p.client.RPC(context.Background(), "job-agent.next", flux.NodeAny, rpc.AgentNext{
		ID: s.job.ID, Attempt: s.job.Attempt, Pid: os.Getpid(), Status: rc << 8, Rest: s.rest(),
	}, got)
	if err != nil {
		return rc, nil // there is no job, or no broker any more
	}
	return rc, got
}

// enter gives the process the environment of another job.
func (p *seat) enter(o Options) {
	os.Setenv("FLUX_JOB_ID", o.ID.F58ASCII())
	os.Setenv("FLUX_KVS_NAMESPACE", o.ID.Namespace())
	os.Setenv(rpc.ShellInfoEnv, o.InfoPath)
	process.SetLastArg(o.ID.Dec())
}

// keepDir keeps a shell's temporary directory for the next one, if it is empty
// and as it was made: that takes a tenth of the time that making one does.
func (p *seat) keepDir(path string) bool {
	var st syscall.Stat_t
	if p.dir != "" || syscall.Lstat(path, &st) != nil || st.Mode != syscall.S_IFDIR|0o700 || st.Nlink != 2 {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	if _, err := f.Readdirnames(1); err != io.EOF {
		return false
	}
	spare := filepath.Join(filepath.Dir(path), fmt.Sprintf("jobtmp-spare-%d", os.Getpid()))
	if os.Rename(path, spare) != nil {
		return false
	}
	p.dir = spare
	return true
}

func (p *seat) takeDir(path string) bool {
	spare := p.dir
	if spare == "" || filepath.Dir(spare) != filepath.Dir(path) {
		return false
	}
	p.dir = ""
	if _, err := os.Lstat(path); err == nil { // it is the job's already
		os.Remove(spare)
		return false
	}
	return os.Rename(spare, path) == nil
}

func (p *seat) dropDir() {
	if p.dir != "" {
		os.Remove(p.dir)
	}
}

func (p *seat) occupy(s *Shell) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = s
}

// passSignals hands the shell what the process is sent. Without a shell, the
// process ends.
func (p *seat) passSignals(ch <-chan os.Signal) {
	for sig := range ch {
		if sig == syscall.SIGPIPE {
			continue
		}
		p.mu.Lock()
		s := p.now
		p.mu.Unlock()
		if s == nil {
			p.dropDir()
			os.Exit(0)
		}
		s.post(func() { s.forward(sig.(syscall.Signal)) })
	}
}

// plainOptions are the shell options that leave nothing behind in the process.
var plainOptions = map[string]bool{
	"output": true, "input": true, "rlimit": true, "cpu-affinity": true, "gpu-affinity": true,
	"exit-timeout": true, "exit-on-error": true, "per-resource": true, "taskmap": true,
}

// tidy reports whether a shell that has come to its end leaves the process as
// it found it: the job had but this shell, of which nobody has asked anything,
// no initrc ran, no option had any lasting effect, and no process is left.
func (s *Shell) tidy() bool {
	if s.plan == nil || !s.job.Next || s.dying || s.dead || s.raised || s.held > 0 || s.link.parted ||
		s.plan.size() != 1 || s.service.asked || s.lua == nil || s.lua.state != nil || len(s.tasks) == 0 {
		return false
	}
	for name := range s.job.opts.root {
		if !plainOptions[name] {
			return false
		}
	}
	for _, t := range s.tasks {
		if t.proc == nil || t.proc.Kill(0) != syscall.ESRCH {
			return false
		}
	}
	return process.NoChildren() && os.Chdir("/") == nil
}
