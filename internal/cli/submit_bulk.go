// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"time"

	"goflux/flux"
	"goflux/internal/cli/jobargs"
	"goflux/internal/cli/jobwatch"
	"goflux/internal/rpc"
	"goflux/jobspec"
)

// submitWindow is how many submissions may be unanswered. It is large enough
// to keep an instance busy and small enough that an interrupted command has
// not sent everything.
const submitWindow = 1024

// job is a job to be submitted.
type job struct {
	spec  *jobspec.Jobspec
	label string // before messages about it
	args  jobargs.Submission
}

// newJob makes the job that args describe.
func (a *app) newJob(s *submission, args jobargs.Submission, label string) (*job, error) {
	spec, err := s.jobspec(&args.Args, a.jobSystem())
	return &job{spec: spec, label: label, args: args}, err
}

// bulk submits jobs, and waits for them if it is told to.
type bulk struct {
	app   *app
	sub   *submission
	total int

	client   *flux.Client
	watcher  *jobwatch.Watcher
	bar      *submitBar
	files    map[string]*bufio.Writer
	closers  []io.Closer
	failed   bool
	answered int
}

// run submits what produce makes.
func (b *bulk) run(produce func(send func(*job) error) error) (err error) {
	if b.client, err = b.app.open(); err != nil {
		return err
	}
	defer b.closeFiles()
	b.checkProgress()
	b.watcher = jobwatch.New(b.app.ctx, b.client, jobwatch.Options{
		Watch:     b.sub.watch,
		LabelIO:   b.sub.LabelIO,
		LogEvents: b.sub.verbose > 1,
		LogStatus: b.sub.verbose > 0,
		Clean:     b.sub.progress,
		Flush:     b.flush,
	})
	b.bar = b.startBar()
	b.watcher.Hold()
	var problem error
	go func() {
		err := b.produce(produce)
		b.watcher.Post(func() {
			problem = err
			if err != nil {
				b.watcher.Stop()
			}
			b.watcher.Release()
		})
	}()
	exit := b.watcher.Run()
	b.bar.stop()
	switch {
	case problem != nil:
		return badSubmission(problem)
	case b.failed:
		exit = max(exit, 1)
	}
	return exitStatus(exit)
}

// checkProgress drops --progress where nobody would see it.
func (b *bulk) checkProgress() {
	if b.sub.progress && !stdoutIsTerminal() {
		fmt.Fprintln(b.app.err, "flux: WARNING: stdout is not a tty. Ignoring --progress option")
		b.sub.progress = false
	}
}

// produce sends jobs, at most a window of them unanswered. Answers are handled
// in the order of submission.
func (b *bulk) produce(produce func(send func(*job) error) error) error {
	type sent struct {
		job  *job
		call *flux.Call
	}
	window := make(chan sent, submitWindow)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for s := range window {
			var resp rpc.JobID
			err := s.call.Get(b.app.ctx, &resp)
			b.watcher.Post(func() { b.answer(s.job, resp, err) })
		}
	}()
	err := produce(func(j *job) error {
		req, err := b.sub.requestFor(j)
		if err != nil {
			return err
		}
		call, err := sendJob(b.client, req)
		if err != nil {
			return err
		}
		window <- sent{j, call}
		return nil
	})
	close(window)
	<-done
	return err
}

// requestFor is the submission of j with its own urgency and flags.
func (s *submission) requestFor(j *job) (*rpc.JobSubmit, error) {
	own := submission{Submission: j.args}
	return own.request(j.spec)
}

// answer handles the answer to a submission.
func (b *bulk) answer(j *job, resp rpc.JobID, err error) {
	out, errOut, fileErr := b.outputs(j)
	if fileErr != nil {
		b.failed = true
		fmt.Fprintf(b.app.err, "flux-%s: ERROR: %s\n", b.app.name, fileText(fileErr))
		return
	}
	b.answered++
	if err != nil {
		b.failed = true
		b.flush()
		fmt.Fprintf(errOut, "%s%s\n", j.label, osErrorText(err))
		b.bar.advance()
		return
	}
	if !b.sub.quiet {
		fmt.Fprintln(out, f58(resp.ID))
	}
	if j.args.Wait != "" || b.sub.watch {
		b.watcher.Add(jobwatch.Job{
			ID: resp.ID, Name: f58(resp.ID), Submitted: float64(time.Now().UnixNano()) / 1e9,
			Wait: j.args.Wait, Out: out, Err: errOut,
		})
	}
	b.bar.advance()
}

// outputs are where a job's id, output and messages go.
func (b *bulk) outputs(j *job) (out, errOut io.Writer, err error) {
	out, errOut = b.app.out, b.app.err
	if j.args.Log != "" {
		if out, err = b.file(j.args.Log); err != nil {
			return nil, nil, err
		}
		errOut = out
	}
	if j.args.LogStderr != "" {
		if errOut, err = b.file(j.args.LogStderr); err != nil {
			return nil, nil, err
		}
	}
	return out, errOut, nil
}

// file opens a log file, once.
func (b *bulk) file(name string) (io.Writer, error) {
	if w := b.files[name]; w != nil {
		return w, nil
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if b.files == nil {
		b.files = map[string]*bufio.Writer{}
	}
	w := bufio.NewWriter(f)
	b.files[name] = w
	b.closers = append(b.closers, f)
	return w, nil
}

func (b *bulk) flush() {
	b.app.flush()
	for _, w := range b.files {
		_ = w.Flush()
	}
}

func (b *bulk) closeFiles() {
	b.flush()
	for _, c := range b.closers {
		_ = c.Close()
	}
}
