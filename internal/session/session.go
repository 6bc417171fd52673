// SPDX-License-Identifier: LGPL-3.0-or-later

package session

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"goflux/idset"
	"goflux/internal/pmi"
	"goflux/taskmap"
)

// Options say what to run.
type Options struct {
	Size int
	// Command returns a rank's command line.
	Command func(rank int) []string
	Rundir  string
	// LeaderOnly starts rank 0 alone; the others wait for start.run.
	LeaderOnly bool
	// LeaderExit makes the end of the leader count; else that of any broker.
	LeaderExit bool
	// ExitTimeout is how long the others may live after the end that counts.
	ExitTimeout time.Duration
	// Clique places brokers on nodes: single, per-broker, none, or a taskmap.
	Clique string
	// Log tells what a person should know; Verbose 1 adds the comings and
	// goings of those who use the control socket, 2 the PMI protocol.
	Log     func(text string)
	Verbose int
}

// Session is a set of running brokers.
type Session struct {
	opt    Options
	pmi    *pmi.Host
	server *server

	mu       sync.Mutex
	brokers  []*process
	running  int
	code     int
	timer    *time.Timer
	finished chan struct{} // closed when no broker runs
	closed   bool
}

// process is one broker.
type process struct {
	rank   int
	cmd    *exec.Cmd // nil while it does not run
	code   int
	waiter func(code int)
}

// Run runs the session to its end and returns its exit status.
func Run(opt Options) (int, error) {
	s := &Session{opt: opt, finished: make(chan struct{})}
	if err := s.initPMI(); err != nil {
		return 1, err
	}
	for rank := range opt.Size {
		s.brokers = append(s.brokers, &process{rank: rank})
	}
	var err error
	if s.server, err = listen(s, filepath.Join(opt.Rundir, "start")); err != nil {
		return 1, err
	}
	defer s.server.close()
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	signal.Ignore(syscall.SIGTTOU) // a broker may have taken the terminal
	if err := s.startAll(); err != nil {
		s.killAll()
		return 1, err
	}
	for {
		select {
		case sig := <-signals:
			s.forward(sig.(syscall.Signal))
		case <-s.finished:
			return s.code, nil
		}
	}
}

// initPMI makes the process manager.
func (s *Session) initPMI() error {
	m, err := clique(s.opt.Clique, s.opt.Size)
	if err != nil {
		return err
	}
	preset := map[string]string{}
	if !m.Unknown() {
		text, err := m.Encode(taskmap.PMI)
		if err != nil {
			return fmt.Errorf("test-pmi-clique: %w", err)
		}
		preset["PMI_process_mapping"] = text
	}
	var ranks []int
	for r := range s.opt.Size {
		ranks = append(ranks, r)
	}
	hooks := pmi.Hooks{
		Abort: func(a pmi.Abort) {
			text := fmt.Sprintf("%d: PMI_Abort()", a.Rank)
			if a.Message != "" {
				text += ": " + a.Message
			}
			s.opt.Log(text)
			s.killAll()
		},
		Warn: s.opt.Log,
	}
	if s.opt.Verbose >= 2 {
		hooks.Trace = func(rank int, dir byte, line string) { fmt.Fprintf(os.Stderr, "%d: %c: %s", rank, dir, line) }
	}
	s.pmi = pmi.NewHost(pmi.NewServer(pmi.Config{Size: s.opt.Size, Ranks: ranks, KVSName: "-", Preset: preset}), hooks)
	return nil
}

// clique places size brokers on nodes.
func clique(mode string, size int) (*taskmap.Map, error) {
	m := taskmap.New()
	switch mode {
	case "single", "":
		return m, m.Append(0, 1, size, 1)
	case "per-broker":
		return m, m.Append(0, size, 1, 1)
	case "none":
		return m, nil
	}
	m, err := taskmap.Parse(mode)
	if err != nil {
		return nil, fmt.Errorf("test-pmi-clique: %w", err)
	}
	return m, nil
}

func (s *Session) startAll() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.brokers {
		if err := s.start(b); err != nil {
			return err
		}
		if s.opt.LeaderOnly {
			break
		}
	}
	return nil
}

// start starts a broker. It is called with the lock held.
func (s *Session) start(b *process) error {
	if b.cmd != nil {
		return syscall.EEXIST
	}
	argv := s.opt.Command(b.rank)
	ours, theirs, err := socketpair()
	if err != nil {
		return fmt.Errorf("PMI socket: %w", err)
	}
	defer theirs.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{theirs} // descriptor 3
	cmd.Env = append(os.Environ(), "PMI_FD=3", fmt.Sprintf("PMI_RANK=%d", b.rank),
		fmt.Sprintf("PMI_SIZE=%d", s.opt.Size), "FLUX_START_URI=local://"+filepath.Join(s.opt.Rundir, "start"))
	if err := cmd.Start(); err != nil {
		ours.Close()
		return err
	}
	b.cmd = cmd
	s.running++
	go func() {
		if err := s.pmi.Serve(b.rank, ours); err != nil {
			s.opt.Log(err.Error())
		}
	}()
	go func() {
		_ = cmd.Wait() // the state tells all
		s.ended(b, cmd.ProcessState)
	}()
	return nil
}

// ended takes note of a broker's end.
func (s *Session) ended(b *process, state *os.ProcessState) {
	pid := state.Pid()
	code := state.ExitCode()
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		code = 128 + int(ws.Signal())
		s.opt.Log(fmt.Sprintf("%d (pid %d) %s", b.rank, pid, signalName(ws.Signal())))
	} else if code != 0 {
		s.opt.Log(fmt.Sprintf("%d (pid %d) exited with rc=%d", b.rank, pid, code))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b.cmd, b.code = nil, code
	s.running--
	if s.opt.LeaderExit {
		if b.rank == 0 {
			s.code = code
		}
	} else {
		s.code = max(s.code, code)
	}
	if b.waiter != nil {
		b.waiter(code)
		b.waiter = nil
	}
	s.watchExit()
	if s.running == 0 && !s.closed {
		s.closed = true
		close(s.finished)
	}
}

// watchExit starts the timer that ends the other brokers, or stops it when one
// was started again. It is called with the lock held.
func (s *Session) watchExit() {
	end := s.running > 0 && s.running < s.opt.Size
	if s.opt.LeaderExit {
		end = s.running > 0 && s.brokers[0].cmd == nil
	}
	switch {
	case end && s.timer == nil:
		s.timer = time.AfterFunc(s.opt.ExitTimeout, s.timedOut)
	case !end && s.timer != nil:
		s.timer.Stop()
		s.timer = nil
	}
}

func (s *Session) timedOut() {
	if killed := s.killAll(); !killed.Empty() {
		s.opt.Log(fmt.Sprintf("Exit timeout: killed rank %s", killed))
	}
}

// killAll kills the brokers that run and returns their ranks.
func (s *Session) killAll() *idset.Set {
	s.mu.Lock()
	defer s.mu.Unlock()
	killed := idset.New()
	for _, b := range s.brokers {
		if b.cmd != nil && b.cmd.Process.Kill() == nil {
			killed.Add(uint32(b.rank))
		}
	}
	return killed
}

// forward hands a signal on. The keyboard's reach the brokers by themselves,
// since they are in the same process group.
func (s *Session) forward(sig syscall.Signal) {
	if sig == syscall.SIGINT || sig == syscall.SIGQUIT {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.brokers {
		if b.cmd != nil {
			_ = b.cmd.Process.Signal(sig) // one that has just ended needs none
		}
	}
}

func socketpair() (ours, theirs *os.File, err error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	if err := syscall.SetNonblock(fds[0], true); err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "PMI"), os.NewFile(uintptr(fds[1]), "PMI"), nil
}

// signalName is strsignal(3) for the signals that end brokers.
func signalName(s syscall.Signal) string {
	switch s {
	case syscall.SIGKILL:
		return "Killed"
	case syscall.SIGTERM:
		return "Terminated"
	case syscall.SIGSEGV:
		return "Segmentation fault"
	case syscall.SIGABRT:
		return "Aborted"
	case syscall.SIGHUP:
		return "Hangup"
	}
	return s.String()
}
