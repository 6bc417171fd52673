// SPDX-License-Identifier: LGPL-3.0-or-later

package attach

import (
	"context"

	"goflux/internal/cli/terminal"
)

// ptyLink is this terminal being connected to one of the job's.
type ptyLink struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when the terminal is the user's again
}

// AttachPty implements Effects.
func (r *runner) AttachPty(shell Shell, service string) {
	ctx, cancel := context.WithCancel(r.ctx)
	p := &ptyLink{cancel, make(chan struct{})}
	r.pty = p
	t := terminal.Terminal{
		Client: r.client, Topic: service, NodeID: shell.Rank, In: r.streams.In,
		Attached: func() { r.post(r.session.PtyAttached) },
		Show:     func(data []byte) { r.post(func() { _, _ = r.streams.Out.Write(data) }) },
	}
	go func() {
		end := t.Run(ctx)
		close(p.done)
		r.post(func() { r.ptyEnded(p, end) })
	}()
}

// failedStatus is the wait status of a program that has failed.
const failedStatus = 1 << 8

func (r *runner) ptyEnded(p *ptyLink, end terminal.End) {
	if r.pty != p { // dropped
		return
	}
	r.pty = nil
	if end.Attached {
		_, _ = r.streams.Out.WriteString(end.Farewell())
	}
	if end.Err != nil {
		end.Status = failedStatus
	}
	r.session.PtyEnd(end.Status)
}

// DropPty implements Effects.
func (r *runner) DropPty() {
	if r.pty != nil {
		r.pty.cancel()
		r.pty = nil
	}
}

// endPty makes the terminal the user's again when Run ends before the job's
// terminal does. Nothing that the job's has to show is waited for any more.
func (r *runner) endPty() {
	if p := r.pty; p != nil {
		p.cancel()
		<-p.done
		_, _ = r.streams.Out.WriteString(terminal.ShowCursor)
		r.Flush()
	}
}
