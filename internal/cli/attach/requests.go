// SPDX-License-Identifier: LGPL-3.0-or-later

package attach

import (
	"os/signal"
	"syscall"

	"goflux/flux"
	"goflux/internal/rpc"
)

// Kill implements Effects.
func (r *runner) Kill(signum int) {
	r.order("kill", "job-manager.kill", rpc.JobKill{ID: r.session.ID, Signum: signum})
}

// Cancel implements Effects.
func (r *runner) Cancel(note string) {
	r.order("cancel", "job-manager.raise", rpc.JobRaise{ID: r.session.ID, Type: "cancel", Note: note})
}

// order makes a request whose failure the session is told.
func (r *runner) order(what, topic string, req any) {
	call, err := r.client.Go(topic, flux.NodeAny, req)
	go func() {
		if err == nil {
			err = call.Get(r.ctx, nil)
		}
		if err != nil {
			r.post(func() { r.session.Failed(what, flux.ErrorText(err)) })
		}
	}()
}

// AskQueue implements Effects.
func (r *runner) AskQueue() {
	call, err := r.client.Go("job-list.list-id", flux.NodeAny,
		rpc.JobListID{ID: r.session.ID, Attrs: []string{"queue"}})
	if err != nil {
		return // the status line does without
	}
	go func() {
		var resp struct {
			Job struct {
				Queue string `json:"queue"`
			} `json:"job"`
		}
		if call.Get(r.ctx, &resp) == nil {
			r.post(func() { r.session.Queue(resp.Job.Queue) })
		}
	}()
}

// AskQueueStatus implements Effects.
func (r *runner) AskQueueStatus(queue string) {
	req := rpc.QueueName{Name: queue}
	if queue == DefaultQueue {
		req.Name = ""
	}
	call, err := r.client.Go("job-manager.queue-status", 0, req)
	if err != nil {
		return
	}
	go func() {
		var resp rpc.QueueStatus
		if call.Get(r.ctx, &resp) == nil {
			r.post(func() { r.session.QueueStatus(resp.Start) })
		}
	}()
}

// CatchSuspend implements Effects.
func (r *runner) CatchSuspend(catch bool) {
	if catch {
		signal.Notify(r.signals, syscall.SIGTSTP)
	} else {
		signal.Reset(syscall.SIGTSTP)
	}
}
