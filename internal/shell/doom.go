// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"syscall"
	"time"

	"goflux/flux"
	"goflux/fsd"
	"goflux/internal/message"
	"goflux/internal/rpc"
)

// exitTimeout is how long the other tasks may go on after the first has
// ended, in seconds, unless the option says otherwise.
const exitTimeout = 30.0

// noTimeout stands for the option's value none.
const noTimeout = -1.0

// doom watches for the first task of the job to end. That is put on record,
// and when the others do not follow in time, or, if that is wished, when it
// has failed, the job gets a fatal exception.
type doom struct {
	s       *Shell
	timeout float64
	onError bool
	done    bool // the first has been seen
	timer   *timer
	// Of the first to end, or the shell that was lost.
	who    string
	rank   int
	host   string
	rc     int
	status *int
}

func (d *doom) init() error {
	if err := d.readOptions(); err != nil {
		return err
	}
	if d.s.leader() {
		d.s.service.handle("doom", handler(d.s, d.told))
	}
	return nil
}

func (d *doom) readOptions() error {
	d.timeout = exitTimeout
	opts := d.s.job.opts
	if err := opts.flag("exit-on-error", &d.onError); err != nil {
		return err
	}
	var text string
	if message.Unmarshal(opts.get("exit-timeout"), &text) == nil && strings.EqualFold(text, "none") {
		d.timeout = noTimeout
		return nil
	}
	if opts.seconds("exit-timeout", &d.timeout) != nil || d.timeout < 0 {
		return errors.New("exit-timeout is not a valid Flux Standard Duration")
	}
	return nil
}

func (d *doom) taskExited(t *task) {
	if d.done {
		return
	}
	d.done = true
	if d.s.leader() {
		d.s.events.afterStart(func() { d.first(t.info()) })
		return
	}
	d.s.tell(0, "doom", t.info())
}

func (d *doom) told(_ *flux.Message, t *rpc.ShellTask) error {
	if !d.done {
		d.done = true
		d.s.events.afterStart(func() { d.first(t) })
	}
	return nil
}

// first is called with the first task to end.
func (d *doom) first(t *rpc.ShellTask) {
	d.s.events.emit("shell.task-exit", t)
	d.who, d.rank, d.rc, d.status = "task", t.Rank, t.ExitCode, &t.WaitStatus
	d.host = "unknown"
	if n, ok := d.s.plan.tasks.NodeID(t.Rank); ok {
		d.host = d.s.plan.nodes[n].host
	}
	d.check()
}

func (d *doom) shellLost(rank int) {
	d.who, d.rank, d.rc, d.host, d.status = "shell", rank, 1, d.s.plan.nodes[rank].host, nil
	d.check()
}

func (d *doom) check() {
	switch {
	case d.onError && d.rc != 0:
		d.end("failed%s and exit-on-error is set", d.how())
	case d.timeout != noTimeout && d.timer == nil:
		d.timer = d.s.after(duration(d.timeout), func() {
			d.end("exited%s and exit-timeout=%s has expired", d.how(), fsd.Format(d.timeout))
		})
	}
}

// maxWait is what a duration too long for a timer is taken for: 100 years.
const maxWait = 100 * 365 * 24 * time.Hour

func duration(seconds float64) time.Duration {
	if seconds > maxWait.Seconds() {
		return maxWait
	}
	return time.Duration(seconds * float64(time.Second))
}

// how says in parentheses how the first one ended.
func (d *doom) how() string {
	if d.status == nil {
		return ""
	}
	st := syscall.WaitStatus(*d.status)
	if st.Signaled() {
		return " (" + signalText(st.Signal()) + ")"
	}
	return fmt.Sprintf(" (Exit %d)", st.ExitStatus())
}

func (d *doom) end(format string, args ...any) {
	name := "unknown"
	if len(d.s.job.command) > 0 {
		name = path.Base(d.s.job.command[0])
	}
	note := fmt.Sprintf("%s: %s rank %d on host %s ", name, d.who, d.rank, d.host) + fmt.Sprintf(format, args...)
	d.s.raise("exec", 0, note, d.status)
	d.s.die(d.rc, "%s", note)
}

// tasksComplete: whatever still runs is not a task.
func (d *doom) tasksComplete() { d.timer.stop() }

// signalText is the C library's text of a signal, with the capital that Go's
// does not have.
func signalText(sig syscall.Signal) string {
	text := sig.String()
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
