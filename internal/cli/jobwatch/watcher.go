// SPDX-License-Identifier: LGPL-3.0-or-later

package jobwatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/eventlog"
	"goflux/flux"
	"goflux/internal/cli/attach"
	"goflux/internal/cli/progress"
)

// Options say what of the jobs is shown.
type Options struct {
	Watch     bool // their output
	LabelIO   bool // with job and task
	LogEvents bool
	LogStatus bool
	// Start is what times are relative to, in seconds since the epoch; 0 is
	// the first job's submission.
	Start float64
	// Clean keeps output from moving the cursor, for a progress bar.
	Clean bool
	// Flush is called when there is nothing to do for the moment.
	Flush func()
	// Changed is called when the counts have changed.
	Changed func()
}

// queueLength bounds the steps that wait.
const queueLength = 1024

// Watcher follows jobs.
type Watcher struct {
	Options
	ctx    context.Context
	cancel context.CancelFunc
	client *flux.Client
	steps  chan func()
	ticks  <-chan time.Time
	tick   func()

	open   int // jobs with event logs that are followed, and holds
	counts Counts
	done   int
	total  int
	exit   int
}

// New makes a watcher without jobs.
func New(ctx context.Context, c *flux.Client, o Options) *Watcher {
	ctx, cancel := context.WithCancel(ctx)
	return &Watcher{
		Options: o, ctx: ctx, cancel: cancel, client: c,
		steps: make(chan func(), queueLength),
	}
}

// Every calls f at intervals while Run runs.
func (w *Watcher) Every(d time.Duration, f func()) {
	w.ticks, w.tick = time.Tick(d), f
}

// Post has Run call step, from any goroutine.
func (w *Watcher) Post(step func()) {
	select {
	case w.steps <- step:
	case <-w.ctx.Done():
	}
}

// Hold keeps Run from ending before Release, for jobs still to be added.
func (w *Watcher) Hold() { w.open++ }

// Release ends a Hold.
func (w *Watcher) Release() { w.open-- }

// Stop has Run end without waiting for the jobs.
func (w *Watcher) Stop() { w.cancel() }

// Run runs until all jobs are done, or ctx is. It returns the largest exit
// status.
func (w *Watcher) Run() int {
	defer w.cancel()
	for w.open > 0 {
		if len(w.steps) == 0 && w.Flush != nil {
			w.Flush()
		}
		select {
		case step := <-w.steps:
			step()
		case <-w.ticks:
			w.tick()
		case <-w.ctx.Done():
			return w.exit
		}
	}
	return w.exit
}

// Counts are the jobs by state, Done how many are done with, Total all of them.
func (w *Watcher) Counts() Counts { return w.counts }
func (w *Watcher) Done() int      { return w.done }
func (w *Watcher) Total() int     { return w.total }

// Elapsed is the time since Start.
func (w *Watcher) Elapsed(now time.Time) time.Duration {
	if w.Start == 0 {
		return 0
	}
	return time.Duration((float64(now.UnixNano())/1e9 - w.Start) * float64(time.Second))
}

// Failure notes an exit status that is not a job's.
func (w *Watcher) Failure(status int) { w.exit = max(w.exit, status) }

// Add begins to follow a job.
func (w *Watcher) Add(j Job) {
	if w.Start == 0 || j.Submitted < w.Start {
		w.Start = j.Submitted
	}
	if j.Wait == "" {
		j.Wait = "clean"
	}
	w.total++
	w.counts[j.Status]++
	job := &watched{Job: j, logs: map[string]*log{}}
	w.follow(job, mainLog)
	w.changed()
}

func (w *Watcher) changed() {
	if w.Changed != nil {
		w.Changed()
	}
}

func (w *Watcher) setStatus(j *watched, s Status) {
	w.counts[j.Status]--
	j.Status = s
	w.counts[s]++
	w.changed()
}

// finish counts a job as done.
func (w *Watcher) finish(j *watched) {
	if !j.counted {
		j.counted = true
		w.done++
		w.changed()
	}
}

// entry handles an entry of one of a job's event logs.
func (w *Watcher) entry(j *watched, path string, e eventlog.Entry) {
	switch path {
	case mainLog:
		w.mainEvent(j, e)
	case execLog:
		w.execEvent(j, e)
	case outputLog:
		w.outputEvent(j, e)
	}
}

func (w *Watcher) mainEvent(j *watched, e eventlog.Entry) {
	if e.Timestamp < w.Start {
		w.Start = e.Timestamp
	}
	w.logEvent(j, "", e)
	switch e.Name {
	case "exception":
		w.exception(j, e)
	case "alloc":
		if j.Status == Pending {
			w.setStatus(j, Running)
		}
	case "start":
		j.started = true
		if w.Watch || strings.HasPrefix(j.Wait, "exec.") {
			w.follow(j, execLog)
		}
	case "finish":
		w.jobFinish(j, e)
	}
	if e.Name == j.Wait {
		w.finish(j)
		w.leave(j, mainLog)
	}
}

func (w *Watcher) exception(j *watched, e eventlog.Entry) {
	var x struct {
		Type     string `json:"type"`
		Severity int    `json:"severity"`
		Note     string `json:"note"`
	}
	if e.UnmarshalContext(&x) != nil || x.Severity != 0 {
		return
	}
	if !j.started {
		w.Failure(1)
		if j.Status <= Running {
			w.setStatus(j, Failed)
		}
	}
	line := fmt.Sprintf("job.exception: type=%s severity=%d", x.Type, x.Severity)
	if x.Note != "" {
		line += " " + x.Note
	}
	w.message(j, line)
}

func (w *Watcher) jobFinish(j *watched, e eventlog.Entry) {
	var f struct {
		Status int `json:"status"`
	}
	if e.UnmarshalContext(&f) != nil {
		return
	}
	exit, _ := attach.ExitStatus(f.Status)
	w.Failure(exit)
	if j.Status <= Running {
		s := Complete
		if f.Status != 0 {
			s = Failed
		}
		w.setStatus(j, s)
	}
	if w.LogStatus {
		w.logLine(j, e.Timestamp, fmt.Sprintf("%s: status=%d", j.Status, f.Status))
	}
}

func (w *Watcher) execEvent(j *watched, e eventlog.Entry) {
	w.logEvent(j, "exec.", e)
	waitsHere := strings.HasPrefix(j.Wait, "exec.")
	if w.Watch && e.Name == "shell.init" {
		w.follow(j, outputLog)
		if !waitsHere {
			w.leave(j, execLog)
		}
	}
	if j.Wait == "exec."+e.Name {
		w.finish(j)
		w.leave(j, execLog)
		w.leave(j, mainLog)
	}
}

// outputEvent prints output and what else is in its event log (RFC 24).
func (w *Watcher) outputEvent(j *watched, e eventlog.Entry) {
	switch e.Name {
	case "data":
		var d attach.Data
		if e.UnmarshalContext(&d) != nil {
			return
		}
		data, err := d.Bytes()
		if err != nil || len(data) == 0 {
			return
		}
		to := j.Out
		if d.Stream != "stdout" {
			to = j.Err
		}
		w.print(j, to, d.Rank, data)
	case "log":
		if line, ok := attach.ShellMessage(e); ok {
			w.message(j, line)
		}
	case "redirect":
		if line, ok := attach.Redirection(e); ok {
			w.message(j, line)
		}
	}
}

func (w *Watcher) print(j *watched, to io.Writer, rank string, data []byte) {
	if w.Clean {
		data = progress.Clean(data)
	}
	if !w.LabelIO {
		_, _ = to.Write(data)
		return
	}
	for line := range bytes.Lines(data) {
		fmt.Fprintf(to, "%s: %s: %s\n", j.Name, rank, bytes.TrimSuffix(line, []byte("\n")))
	}
}

// message prints a line on a job's standard error.
func (w *Watcher) message(j *watched, line string) {
	if w.Flush != nil {
		w.Flush() // before it what was printed before
	}
	if w.LabelIO && !strings.HasPrefix(line, "job.exception") {
		line = j.Name + ": " + line
	}
	fmt.Fprintln(j.Err, line)
}

func (w *Watcher) logEvent(j *watched, prefix string, e eventlog.Entry) {
	if w.LogEvents {
		w.logLine(j, e.Timestamp, prefix+e.Name+" "+canonical(e.Context))
	}
}

// canonical is JSON with its keys sorted.
func canonical(context []byte) string {
	v := jsontext.Value(bytes.Clone(context))
	if v.Canonicalize() != nil {
		return string(context)
	}
	return string(v)
}

func (w *Watcher) logLine(j *watched, timestamp float64, text string) {
	if w.Flush != nil {
		w.Flush()
	}
	fmt.Fprintf(j.Err, "%s: %.3fs: %s\n", j.Name, timestamp-w.Start, text)
}

// endLog is told that an event log has ended.
func (w *Watcher) endLog(j *watched, path string, err error) {
	if err != nil && !errors.Is(err, io.EOF) && path == mainLog {
		w.Failure(1)
		fmt.Fprintf(j.Err, "%s: %s\n", j.Name, flux.ErrorText(err))
	}
	if path == mainLog {
		w.finish(j)
	}
}
