// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"goflux/eventlog"
	"goflux/flux"
	"goflux/fsd"
	"goflux/internal/cli/attach"
	"goflux/internal/message"
	"goflux/internal/rpc"
)

// logFormat is how event logs are printed.
type logFormat struct {
	format, time string
	human        bool
	color        *string
}

func (o *logFormat) flags(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVarP(&o.format, "format", "f", "text", "Print in `FORMAT`: text, json")
	fs.StringVarP(&o.time, "time-format", "T", "raw", "Print times in `FORMAT`: raw, iso, offset, human")
	fs.BoolVarP(&o.human, "human", "H", false, "Print for people")
	o.color = colorFlag(cmd, "L")
}

// formatter makes what prints entries.
func (o *logFormat) formatter(a *app) (*eventlog.Formatter, error) {
	if o.human {
		o.format, o.time = "text", "human"
	}
	format, err := eventlog.ParseFormat(o.format)
	if err != nil {
		return nil, fail("invalid format type '%s'", o.format)
	}
	times, err := eventlog.ParseTimeFormat(o.time)
	if err != nil {
		return nil, fail("invalid time-format type '%s'", o.time)
	}
	color, err := a.color(*o.color)
	if err != nil {
		return nil, err
	}
	return &eventlog.Formatter{Format: format, Time: times, Color: color}, nil
}

// mainLogPath is the path of the job's own event log.
const mainLogPath = "eventlog"

// logPath completes the short names of event logs. last is the event that ends
// one, "" if there is none.
func logPath(name string) (path, last string) {
	switch name {
	case mainLogPath:
		return name, "clean"
	case "exec", "guest.exec.eventlog":
		return "guest.exec.eventlog", "done"
	case "output", "guest.output":
		return "guest.output", ""
	case "input", "guest.input":
		return "guest.input", ""
	}
	return name, ""
}

// notFound words the absence of an event log.
func notFound(job, path string) error {
	if path == mainLogPath {
		return fail("job %s not found", job)
	}
	return fail("eventlog path %s not found", path)
}

// jobEventlog is flux job eventlog.
func (a *app) jobEventlog() *cobra.Command {
	var f logFormat
	var follow bool
	var path string
	cmd := &cobra.Command{
		Use: "eventlog JOBID", Short: "print one of a job's event logs",
		Args: a.usageOperands(1, 1),
	}
	f.flags(cmd)
	cmd.Flags().BoolVarP(&follow, "follow", "F", false, "Go on with new events until the job has ended")
	cmd.Flags().StringVarP(&path, "path", "p", mainLogPath, "Print the event log `PATH`: eventlog, exec, output, input, …")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		out, err := f.formatter(a)
		if err != nil {
			return err
		}
		if follow {
			full, last := logPath(path)
			return a.waitEvent(args[0], waitEvent{path: full, name: last, count: 1, create: true, verbose: true}, out)
		}
		return a.printEventlog(args[0], path, out)
	}
	return cmd
}

func (a *app) printEventlog(job, name string, f *eventlog.Formatter) error {
	id, err := parseJobID(job)
	if err != nil {
		return err
	}
	h, err := a.open()
	if err != nil {
		return err
	}
	path, _ := logPath(name)
	text, err := a.lookupJob(h, rpc.JobInfoLookup{ID: id, Keys: []string{path}})
	if errors.Is(err, syscall.ENOENT) {
		return notFound(job, path)
	}
	if err != nil {
		return err
	}
	entries, err := eventlog.Parse([]byte(text))
	if err != nil {
		return fail("%s: %v", path, err)
	}
	for _, e := range entries {
		_, _ = a.out.Write(f.Append(nil, e))
	}
	return nil
}

// lookupJob asks job-info for one key as text (RFC 41).
func (a *app) lookupJob(h *flux.Client, req rpc.JobInfoLookup) (string, error) {
	var resp map[string]any
	if err := h.RPC(a.ctx, "job-info.lookup", flux.NodeAny, req, &resp); err != nil {
		return "", err
	}
	text, ok := resp[req.Keys[0]].(string)
	if !ok {
		return "", fail("job-info.lookup: no %s in the answer", req.Keys[0])
	}
	return text, nil
}

// waitEvent says what to wait for.
type waitEvent struct {
	path, name      string
	key, value      string // of the context
	count           int
	timeout         time.Duration // 0 for none
	create          bool
	verbose, silent bool
}

// jobWaitEvent is flux job wait-event.
func (a *app) jobWaitEvent() *cobra.Command {
	var f logFormat
	var w waitEvent
	var timeout, match, path string
	cmd := &cobra.Command{
		Use: "wait-event JOBID EVENT", Short: "wait for an event",
		Args: a.usageOperands(2, 2),
	}
	f.flags(cmd)
	fs := cmd.Flags()
	fs.StringVarP(&timeout, "timeout", "t", "", "Give up after `DURATION`")
	fs.StringVarP(&match, "match-context", "m", "", "Wait for one with `KEY=VAL` in its context")
	fs.IntVarP(&w.count, "count", "c", 1, "Wait for the `COUNT`th")
	fs.BoolVarP(&w.silent, "quiet", "q", false, "Do not print the event")
	fs.BoolVarP(&w.verbose, "verbose", "v", false, "Print the events before it, too")
	fs.StringVarP(&path, "path", "p", mainLogPath, "Look in the event log `PATH`: eventlog, exec, output, input, …")
	fs.BoolVarP(&w.create, "waitcreate", "W", false, "Wait for the event log to exist")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		out, err := f.formatter(a)
		if err != nil {
			return err
		}
		w.path, _ = logPath(path)
		w.name = args[1]
		if w.count <= 0 {
			return fail("count must be > 0")
		}
		if match != "" {
			var ok bool
			if w.key, w.value, ok = strings.Cut(match, "="); !ok {
				return fail("must specify a context test as key=value")
			}
		}
		if timeout != "" {
			if w.timeout, err = fsd.Parse(timeout); err != nil {
				return fail("--timeout: %v", err)
			}
		}
		return a.waitEvent(args[0], w, out)
	}
	return cmd
}

// waitCreate is the flag of job-info.eventlog-watch for logs to come.
const waitCreate = 1

func (a *app) waitEvent(job string, w waitEvent, f *eventlog.Formatter) error {
	id, err := parseJobID(job)
	if err != nil {
		return err
	}
	h, err := a.open()
	if err != nil {
		return err
	}
	ctx := a.ctx
	if w.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.timeout)
		defer cancel()
	}
	flags := 0
	if w.create {
		flags = waitCreate
	}
	call, err := attach.OpenLog(h, id, w.path, flags)
	if err != nil {
		return err
	}
	for matches := 0; ; {
		e, err := attach.NextEntry(ctx, call)
		switch {
		case err == nil:
		case errors.Is(err, syscall.ENOENT):
			return notFound(job, w.path)
		case errors.Is(err, context.DeadlineExceeded):
			return fail("wait-event timeout on event '%s'", w.name)
		case errors.Is(err, io.EOF) && w.name == "":
			return nil // followed to its end
		case errors.Is(err, io.EOF):
			return fail("event '%s' never received", w.name)
		default:
			return err
		}
		f.NoteStart(e)
		found := w.matches(e)
		if found {
			matches++
		}
		if found = found && matches == w.count; found && !w.silent || !found && w.verbose {
			_, _ = a.out.Write(f.Append(nil, e))
			a.flush()
		}
		if found {
			return nil
		}
	}
}

// matches tells whether e is what is waited for.
func (w *waitEvent) matches(e eventlog.Entry) bool {
	if e.Name != w.name {
		return false
	}
	if w.key == "" {
		return true
	}
	var context map[string]jsontext.Value
	if e.UnmarshalContext(&context) != nil {
		return false
	}
	value, ok := context[w.key]
	if !ok {
		return false
	}
	var text string
	return string(value) == w.value || message.Unmarshal(value, &text) == nil && text == w.value
}
