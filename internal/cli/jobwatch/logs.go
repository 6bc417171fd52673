// SPDX-License-Identifier: LGPL-3.0-or-later

package jobwatch

import (
	"goflux/flux"
	"goflux/internal/cli/attach"
)

// Paths of a job's event logs.
const (
	mainLog   = "eventlog"
	execLog   = "guest.exec.eventlog"
	outputLog = "guest.output"
)

// log is an event log that is being followed.
type log struct {
	call *flux.Call
	left bool // what still comes does not matter
}

// follow begins to follow one of a job's event logs.
func (w *Watcher) follow(j *watched, path string) {
	call, err := attach.OpenLog(w.client, j.ID, path, 0)
	if err != nil {
		w.endLog(j, path, err)
		return
	}
	l := &log{call: call}
	j.logs[path] = l
	w.open++
	go w.read(j, path, l)
}

func (w *Watcher) read(j *watched, path string, l *log) {
	for {
		e, err := attach.NextEntry(w.ctx, l.call)
		if err != nil {
			w.Post(func() {
				if !l.left {
					w.endLog(j, path, err)
					w.close(j, path)
				}
			})
			return
		}
		w.Post(func() {
			if !l.left {
				w.entry(j, path, e)
			}
		})
	}
}

// leave ends the interest in an event log.
func (w *Watcher) leave(j *watched, path string) {
	l := j.logs[path]
	if l == nil {
		return
	}
	l.left = true
	attach.CloseLog(l.call)
	w.close(j, path)
}

func (w *Watcher) close(j *watched, path string) {
	delete(j.logs, path)
	w.open--
}
