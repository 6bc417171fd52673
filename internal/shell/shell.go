// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"goflux/flux"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/sys/process"
	"goflux/jobid"
)

// Shell is one job shell.
type Shell struct {
	*loop
	link     *brokerLink
	job      *job
	plan     *plan
	log      *logger
	hostname string
	verbose  int
	dir      string // where the tasks start

	reaper  *process.Reaper
	tasks   []*task
	running int // tasks that have not ended
	plugins []plugin
	output  *output
	lua     *luaRC
	service service
	courier courier
	events  events

	seat   *seat
	passed int  // barriers
	rc     int  // exit code, at least
	raised bool // an exception has been raised: one is enough
	dead   bool // the broker is lost: nothing is waited for
	dying  bool // die has been called
	early  []syscall.Signal
}

// Options say how to run a shell.
type Options struct {
	ID        jobid.ID
	Reconnect bool // look for the broker when it goes away
	InfoPath  string
	Stderr    io.Writer
}

func newShell(o Options, p *seat) *Shell {
	s := &Shell{loop: newLoop(), seat: p, log: &logger{stderr: o.Stderr, level: sevNotice}}
	s.service.s, s.courier.s, s.events.s = s, s, s
	return s
}

// fatal is how a failure ends the shell: code is what it exits with.
type fatal struct {
	code int
	text string
}

func (s *Shell) run(o Options) (rc int) {
	defer func() {
		if p := recover(); p != nil {
			f, ok := p.(fatal)
			if !ok {
				panic(p)
			}
			rc = f.code
		}
		s.cleanUp()
	}()
	if err := s.connect(o); err != nil {
		s.log.log(sevFatal, "", "%v", err)
		return 1
	}
	s.must(s.initialize())
	s.must(s.startTasks())
	s.loop.run(func() bool { return s.held == 0 || s.dead || s.leaveRest() })
	return s.exitCode()
}

// connect opens the link and reads what the job is.
func (s *Shell) connect(o Options) error {
	client := s.seat.client
	s.seat.client = nil
	k, err := openLink(s.loop, "", o.Reconnect, client)
	if err != nil {
		return fmt.Errorf("flux_open: %s", flux.ErrorText(err))
	}
	s.link = k
	s.loop.idle = k.flush
	k.onRequest, k.onEvent = s.service.request, s.event
	k.onLost, k.onBack = s.brokerLost, s.brokerBack
	if s.job, err = loadJob(k.ctx, k.conn(), o.InfoPath, o.ID); err != nil {
		return err
	}
	k.home = s.job.dir
	// From here on it is this shell that has the job, also for a broker that is
	// started after this.
	if s.job.dir != "" {
		if err := process.LeaveNote(filepath.Join(s.job.dir, rpc.ShellNoteFile), os.Getpid(), filepath.Base(s.job.dir)); err != nil {
			return err
		}
	}
	if s.plan, err = makePlan(s.job.r, s.job.jobspec, s.job.BrokerRank); err != nil {
		return err
	}
	s.log.rank, k.writer = s.plan.self, s.plan.self
	if s.hostname, err = os.Hostname(); err != nil {
		return err
	}
	s.reaper = s.seat.reaper
	return nil
}

// initialize does what comes before the first task of any shell.
func (s *Shell) initialize() error {
	ready := s.service.offer()
	s.courier.init()
	s.output = &output{s: s}
	s.log.sink = s.output.log
	if err := s.setVerbose(); err != nil {
		return err
	}
	s.enterDir()
	s.lua = &luaRC{s: s}
	if err := s.lua.load(); err != nil {
		return err
	}
	if err := s.applyTaskmap(); err != nil {
		return err
	}
	s.trim()
	s.setEnvironment()
	s.makeTasks()
	s.plugins = builtins(s)
	if err := each(s, initializer.init); err != nil {
		return err
	}
	s.logSummary()
	if err := s.wait(ready); err != nil {
		return fmt.Errorf("error registering the shell's service: %s", flux.ErrorText(err))
	}
	s.barrier()
	s.events.shellInit()
	return nil
}

func (s *Shell) setVerbose() error {
	if err := s.job.opts.num("verbose", &s.verbose); err != nil {
		return err
	}
	if s.verbose > 2 {
		s.log.warnf("", "Ignoring shell verbosity > 2")
		s.verbose = 2
	}
	s.log.level += severity(s.verbose)
	return nil
}

// enterDir chooses the tasks' directory: /tmp where the job's is not there.
func (s *Shell) enterDir() {
	s.dir = s.job.jobspec.CWD()
	if s.dir == "" {
		return
	}
	if err := os.Chdir(s.dir); err != nil {
		s.log.errorf("", "host %s: Could not change dir to %s: %s. Going to /tmp instead",
			s.hostname, s.dir, message.ErrnoText(message.Errno(err)))
		s.dir = "/tmp"
		s.must(os.Chdir(s.dir))
	}
}

// trim leaves each task the resources of a slot, and says so.
func (s *Shell) trim() {
	cores, gpus := s.plan.me().cores, s.plan.me().gpus
	s.plan.trim()
	if now := s.plan.me().cores; !now.Equal(cores) {
		s.log.warnf("", "%s: adjusted cores from %s to %s", s.hostname, cores, now)
	}
	if now := s.plan.me().gpus; !now.Equal(gpus) {
		s.log.warnf("", "%s: adjusted gpus from %s to %s", s.hostname, gpus, now)
	}
}

func (s *Shell) logSummary() {
	if s.verbose == 0 {
		return
	}
	if s.plan.self == 0 {
		s.log.debugf("", "0: task_count=%d slot_count=%d cores_per_slot=%d", s.plan.ntasks, s.plan.slots.count, s.plan.slots.cores)
	}
	ids := s.plan.tasks.TaskIDs(s.plan.self)
	plural := ""
	if ids.Len() > 1 {
		plural = "s"
	}
	s.log.debugf("", "%d: task%s %s on cores %s", s.plan.self, plural, ids.Brackets(), s.plan.me().cores)
}

// wait runs the loop until something has come on ready.
func (s *Shell) wait(ready <-chan error) error {
	var err error
	got := false
	s.loop.run(func() bool {
		if got {
			return true
		}
		select {
		case err = <-ready:
			got = true
		default:
		}
		return got || s.dead
	})
	return err
}

// barrier waits for all shells of the job.
func (s *Shell) barrier() {
	if s.plan.size() == 1 {
		return
	}
	s.service.handle("barriers", func(m *flux.Message) { s.link.respond(m, rpc.ShellPassed{Passed: s.passed}) })
	ready := make(chan error, 1)
	s.link.rpc("job-exec.shell-barrier", flux.NodeAny, rpc.ShellBarrier{ID: s.job.ID, Rank: s.job.BrokerRank, Seq: s.passed + 1},
		func(_ *flux.Message, err error) { ready <- err })
	if err := s.wait(ready); err != nil {
		// EIO says that the barrier has failed, of which the execution
		// service has told the job: an exception of ours would add nothing.
		if flux.Errno(err) != syscall.EIO {
			s.log.errorf("", "shell_barrier: %s", flux.ErrorText(err))
		}
		s.killTasks(syscall.SIGKILL)
		panic(fatal{1, "barrier"})
	}
	s.passed++
}

// must ends the job when there is an error.
func (s *Shell) must(err error) {
	if err != nil {
		s.die(1, "%s", err)
	}
}

// die ends the job: it logs, kills the tasks, raises an exception, lets all
// that get out, and exits. It returns only to those who call it while that is
// going on.
func (s *Shell) die(code int, format string, args ...any) {
	if s.dying {
		return
	}
	s.dying = true
	text := fmt.Sprintf(format, args...)
	s.log.log(sevFatal, "", "%s", text)
	if !s.output.ready { // what has been said so far is worth the more
		s.output.open()
	}
	s.killTasks(syscall.SIGKILL)
	s.raise("exec", 0, text, nil)
	panic(fatal{code, text})
}

// raise raises an exception of the job, the first one only.
func (s *Shell) raise(kind string, sev int, note string, waitStatus *int) {
	if s.raised {
		return
	}
	s.raised = true
	s.hold("raise")
	req := rpc.ShellRaise{ID: s.job.ID, Type: kind, Severity: sev, Note: note, WaitStatus: waitStatus}
	s.link.rpc("job-manager.raise", flux.NodeAny, req, func(_ *flux.Message, err error) {
		s.release("raise")
		if err != nil {
			fmt.Fprintf(s.log.stderr, "flux-shell: failed to raise job exception: %s\n", flux.ErrorText(err))
		}
	})
}

// partingTime bounds the wait for what is still on its way when a shell fails.
const partingTime = 5 * time.Second

// cleanUp ends everything, whatever the shell has come to.
func (s *Shell) cleanUp() {
	if s.link == nil {
		return
	}
	s.link.parting = true
	if s.held > 0 && s.link.lost == nil {
		late := false
		s.after(partingTime, func() { late = true })
		s.loop.run(func() bool {
			return late || s.holds["raise"]+s.holds[courierHold]+s.holds["output.append"]+s.holds["exec.append"]+s.holds["input.append"] == 0
		})
	}
	all(s, stopper.stop)
	if s.tidy() {
		s.seat.client = s.link.leave()
		return
	}
	s.link.close()
}

// exitCode is the highest of the tasks'.
func (s *Shell) exitCode() int {
	rc := s.rc
	for _, t := range s.tasks {
		rc = max(rc, t.exitCode())
	}
	s.log.debugf("", "exit %d", rc)
	return rc
}

func (s *Shell) brokerLost(err error) {
	s.log.sink = nil
	s.log.errorf("", "%s", flux.ErrorText(err))
	s.killTasks(syscall.SIGKILL)
	s.rc, s.dead = 1, true
}

func (s *Shell) brokerBack() {
	s.log.infof("", "broker: reconnected")
	all(s, reconnecter.reconnected)
}

// leaveRest ends the wait for a short job's streams: when nothing holds the shell
// but what it has not yet begun to add to them, that goes with the word of its
// end. It is in the exit record, too, and so not lost with the leader.
func (s *Shell) leaveRest() bool {
	if !s.link.parting || !s.job.Next || s.job.dir == "" || s.dying || s.raised || s.plan.size() != 1 {
		return false
	}
	waiting, size := 0, 0
	for _, a := range s.link.streams {
		if a.sending != nil || a.dead {
			return false
		}
		if a.pending != nil {
			waiting++
			size += len(a.pending)
		}
	}
	if s.held != waiting || size > restSize {
		return false
	}
	for _, a := range s.link.streams {
		a.leave()
	}
	return true
}

// restSize bounds what goes with the word of a shell's end, in bytes.
const restSize = 1 << 10

// rest is what has been left to go with it, the output first.
func (s *Shell) rest() []rpc.ShellRest {
	var list []rpc.ShellRest
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(s.link.streams))) {
		if a := s.link.streams[name]; a.left != nil {
			list = append(list, a.rest())
		}
	}
	return list
}

// leaveRecord writes the exit record for an execution service that is not our
// parent. There may be one of another job in its place. It is written at once
// and is always as long, so it is there or not, never in part.
func (s *Shell) leaveRecord(rc int) {
	if s.job.dir == "" {
		return
	}
	b, err := message.Marshal(rpc.ShellExit{ID: s.job.ID, Attempt: s.job.Attempt, Pid: os.Getpid(), Status: rc << 8, Rest: s.rest()})
	if err != nil {
		return
	}
	f, err := os.OpenFile(s.job.dir+"/"+rpc.ShellExitFile, os.O_WRONLY|os.O_CREATE, 0o644)
	if err == nil {
		_, err = fmt.Fprintf(f, "%-*s\n", recordSize-1, b)
		f.Close()
	}
	if err != nil {
		fmt.Fprintf(s.log.stderr, "flux-shell: %v\n", err)
	}
}

// recordSize is the size of an exit record, more than its numbers take, and the
// rest with each byte as long as JSON can make it.
const recordSize = 128 + 6*restSize + 512

// idText is the job id as people see it: in plain characters where the job, or
// the shell's locale, has no others.
func (s *Shell) idText() string {
	if _, plain := s.job.env[forceASCII]; plain || os.Getenv(forceASCII) != "" || !wideLocale() {
		return s.job.ID.F58ASCII()
	}
	return s.job.ID.F58()
}

const forceASCII = "FLUX_F58_FORCE_ASCII"

// wideLocale reports whether the locale's characters are UTF-8.
func wideLocale() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			v = strings.ToLower(v)
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return false
}

func (s *Shell) leader() bool { return s.plan.self == 0 }
