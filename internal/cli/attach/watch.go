// SPDX-License-Identifier: LGPL-3.0-or-later

package attach

import (
	"context"
	"errors"
	"io"
	"syscall"

	"goflux/eventlog"
	"goflux/flux"
	"goflux/internal/rpc"
	"goflux/jobid"
)

// WatchInitialSentinel is a flag of job-info.eventlog-watch: an empty answer
// marks the end of the entries that are there already.
const WatchInitialSentinel = 2

// OpenLog begins to follow one of a job's event logs.
func OpenLog(c *flux.Client, id jobid.ID, path string, flags int) (*flux.Call, error) {
	return c.Stream("job-info.eventlog-watch", flux.NodeAny, rpc.JobInfoWatch{ID: id, Path: path, Flags: flags})
}

// CloseLog ends that.
func CloseLog(call *flux.Call) {
	_ = call.Cancel("job-info.eventlog-watch-cancel", flux.NodeAny)
}

// errSentinel is NextEntry's answer for the initial sentinel.
var errSentinel = errors.New("end of the entries so far")

// NextEntry waits for the next entry; io.EOF is the log's end.
func NextEntry(ctx context.Context, call *flux.Call) (eventlog.Entry, error) {
	m, err := call.Message(ctx)
	if err != nil {
		if errors.Is(err, syscall.ENODATA) {
			err = io.EOF
		}
		return eventlog.Entry{}, err
	}
	if len(m.JSON()) == 0 {
		return eventlog.Entry{}, errSentinel
	}
	var ev rpc.JobInfoEvent
	if err := m.Decode(&ev); err != nil {
		return eventlog.Entry{}, err
	}
	return eventlog.ParseEntry([]byte(ev.Event))
}

// Watch implements Effects.
func (r *runner) Watch(path string, sentinel bool) {
	flags := 0
	if sentinel {
		flags = WatchInitialSentinel
	}
	call, err := OpenLog(r.client, r.session.ID, path, flags)
	if err != nil {
		r.session.End(path, err)
		return
	}
	r.watches[path] = call
	go r.follow(path, call)
}

func (r *runner) follow(path string, call *flux.Call) {
	for {
		e, err := NextEntry(r.ctx, call)
		var step func()
		switch {
		case err == nil:
			step = func() { r.session.Entry(path, e) }
		case errors.Is(err, errSentinel):
			err, step = nil, r.session.Sentinel
		case errors.Is(err, io.EOF):
			step = func() { r.session.End(path, nil) }
		default:
			step = func() { r.session.End(path, err) }
		}
		if !r.post(step) || err != nil {
			return
		}
	}
}

// Unwatch implements Effects.
func (r *runner) Unwatch(path string) {
	if call := r.watches[path]; call != nil {
		CloseLog(call)
	}
}
