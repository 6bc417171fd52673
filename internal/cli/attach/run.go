// SPDX-License-Identifier: LGPL-3.0-or-later

package attach

import (
	"bufio"
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"goflux/flux"
	"goflux/internal/sys/tty"
)

// Streams are the standard streams of the process.
type Streams struct {
	In  *os.File
	Out *bufio.Writer
	Err *os.File
	// OutFile is what Out writes to.
	OutFile *os.File
}

// statusDelay is how long a job may be pending before a person is told why.
const statusDelay = 2 * time.Second

// NonInteractive is the environment variable that keeps the status line away.
const NonInteractive = "FLUX_ATTACH_NONINTERACTIVE"

// queueLength bounds what waits for the session: when it cannot print as fast
// as the job writes, the watches wait.
const queueLength = 256

// runner connects a session to the world. Its goroutines only wait; what they
// learn is handled one at a time on the goroutine of Run.
type runner struct {
	ctx     context.Context
	client  *flux.Client
	streams Streams
	session *Session
	steps   chan func()
	signals chan os.Signal
	watches map[string]*flux.Call
	stdin   *stdinReader
	pty     *ptyLink
}

// Run attaches to a job until it ends, and returns its exit status.
func Run(ctx context.Context, c *flux.Client, o Options, streams Streams) (exit int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	if os.Getenv(NonInteractive) != "" {
		o.ShowStatus = false
	}
	r := &runner{
		ctx: ctx, client: c, streams: streams,
		steps:   make(chan func(), queueLength),
		signals: make(chan os.Signal, 8),
		watches: map[string]*flux.Call{},
	}
	r.session = New(o, streams.Out, streams.Err, r)
	defer func() {
		cancel()
		r.endPty()
	}()
	if !o.ReadOnly {
		signal.Notify(r.signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP,
			syscall.SIGALRM, syscall.SIGUSR1, syscall.SIGUSR2)
		defer signal.Stop(r.signals)
	}
	r.session.Start()
	r.loop(r.ticker(o))
	r.Flush()
	return r.session.Result()
}

// loop handles what happens, and flushes when there is nothing more to do.
func (r *runner) loop(tick *time.Ticker) {
	var ticks <-chan time.Time
	if tick != nil {
		ticks = tick.C
		defer tick.Stop()
	}
	for !r.session.Done() {
		if len(r.steps) == 0 {
			r.Flush()
		}
		select {
		case step := <-r.steps:
			step()
		case sig := <-r.signals:
			r.session.Signal(sig.(syscall.Signal), time.Now())
		case now := <-ticks:
			if r.session.StatusOver() {
				ticks = nil
				continue
			}
			tick.Reset(time.Second)
			r.session.Tick(float64(now.UnixNano()) / 1e9)
		}
	}
}

// ticker drives the status line where somebody may be looking.
func (r *runner) ticker(o Options) *time.Ticker {
	if os.Getenv(NonInteractive) != "" {
		return nil
	}
	if o.ShowStatus {
		return time.NewTicker(time.Millisecond)
	}
	s := r.streams
	if o.ShowEvents || s.OutFile == nil ||
		!tty.IsTerminal(s.In) || !tty.IsTerminal(s.OutFile) || !tty.IsTerminal(s.Err) {
		return nil
	}
	return time.NewTicker(statusDelay)
}

// post hands a step to the loop; it gives up when Run has ended.
func (r *runner) post(step func()) bool {
	select {
	case r.steps <- step:
		return true
	case <-r.ctx.Done():
		return false
	}
}

// Flush implements Effects.
func (r *runner) Flush() { _ = r.streams.Out.Flush() }

// Width implements Effects.
func (r *runner) Width() int {
	if _, cols, ok := tty.Size(r.streams.In); ok {
		return cols
	}
	return 80
}
