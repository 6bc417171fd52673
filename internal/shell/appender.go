// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"bytes"
	"time"

	"goflux/eventlog"
	"goflux/flux"
	"goflux/internal/rpc"
	"goflux/jobid"
)

const (
	// appendBatch bounds one request, in bytes.
	appendBatch = 1 << 20
	// appendHeld is how much may wait to be acknowledged before those who
	// write to the stream have to wait: several batches on their way to the
	// leader and back.
	appendHeld = 8 << 20
)

// appender adds event log lines to one of the job's streams. One request is
// under way at a time; what comes meanwhile goes with the next.
type appender struct {
	link    *brokerLink
	id      jobid.ID
	attempt int
	stream  string
	hold    string
	// failed is told of lines that were refused.
	failed func(err error)

	seq uint64 // of the request under way, when the link may break
	// batch is how long lines may wait for company. Without, they go at once;
	// with now set, everything there is does.
	batch time.Duration
	now   bool
	timer *timer

	pending []byte
	patient int // how much of pending, from its beginning, waits for more
	sending []byte
	left    []byte   // for the shell's last word, see leave
	waiting []func() // to be called when there is room
	dead    bool
}

// appender returns the one for a stream.
func (k *brokerLink) appender(id jobid.ID, attempt int, stream string, failed func(error)) *appender {
	a := k.streams[stream]
	if a == nil {
		a = &appender{link: k, id: id, attempt: attempt, stream: stream, hold: stream + ".append", failed: failed}
		k.streams[stream] = a
	}
	return a
}

// add appends an event. It keeps the loop until the event is acknowledged.
func (a *appender) add(name string, context any) {
	e, err := eventlog.New(float64(time.Now().UnixNano())/1e9, name, context)
	if err != nil {
		a.failed(err)
		return
	}
	if a.dead {
		return
	}
	if a.pending == nil && a.sending == nil {
		a.link.hold(a.hold)
	}
	if a.left != nil { // it was not the last
		a.pending, a.left = a.left, nil
	}
	a.pending = e.Append(a.pending)
	if a.sending == nil && len(a.pending) >= appendBatch {
		a.flush()
	}
}

// addPatient is add for an event that tells little without those that follow.
func (a *appender) addPatient(name string, context any) {
	alone := a.patient == len(a.pending)
	if a.add(name, context); alone {
		a.patient = len(a.pending)
	}
}

// leave has what is pending go with the word of the shell's end, instead of on
// its own: nobody waits for it then.
func (a *appender) leave() {
	if a.pending != nil {
		a.left, a.pending = a.pending, nil
		a.link.release(a.hold)
	}
}

// rest is what is left.
func (a *appender) rest() rpc.ShellRest {
	r := rpc.ShellRest{Stream: a.stream, Data: string(a.left)}
	if a.link.reconnect {
		r.Seq = a.seq + 1
	}
	return r
}

// flush sends what is pending, unless a request is under way or it may wait.
func (a *appender) flush() {
	if a.sending != nil || len(a.pending) == 0 || a.dead || a.putOff() {
		return
	}
	n := len(a.pending)
	if n > appendBatch {
		if i := bytes.LastIndexByte(a.pending[:appendBatch], '\n'); i >= 0 {
			n = i + 1
		} else {
			n = bytes.IndexByte(a.pending, '\n') + 1
		}
	}
	a.sending, a.patient = a.pending[:n:n], 0
	if a.pending = a.pending[n:]; len(a.pending) == 0 {
		a.pending = nil
	}
	if a.link.reconnect {
		a.seq++
	}
	a.transmit()
}

// putOff reports whether what is pending waits for more.
func (a *appender) putOff() bool {
	wait := a.batch
	if a.patient == len(a.pending) {
		wait = max(wait, eventBatch)
	}
	if wait == 0 || a.now || len(a.pending) >= appendBatch || a.link.parting {
		a.now = false
		a.timer.stop()
		a.timer = nil
		return false
	}
	if a.timer == nil {
		a.timer = a.link.after(wait, func() { a.now = true })
	}
	return true
}

func (a *appender) transmit() {
	sent := a.sending
	req := rpc.JobStreamAppend{ID: a.id, Attempt: a.attempt, Stream: a.stream, Data: string(sent), Seq: a.seq, Writer: a.link.writer}
	a.link.rpc("job-info.stream-append", flux.NodeAny, req, func(_ *flux.Message, err error) {
		if err != nil {
			a.failed(err)
		}
		a.sending = nil
		a.wakeWaiting()
		if a.flush(); a.sending == nil && a.pending == nil {
			a.link.release(a.hold)
		}
	})
}

// whenRoom calls fn when less than the bound is held, perhaps at once.
func (a *appender) whenRoom(fn func()) {
	if len(a.pending)+len(a.sending) < appendHeld || a.dead {
		fn()
		return
	}
	a.waiting = append(a.waiting, fn)
}

func (a *appender) wakeWaiting() {
	if len(a.pending) >= appendHeld && !a.dead {
		return
	}
	w := a.waiting
	a.waiting = nil
	for _, fn := range w {
		fn()
	}
}

// abandon drops everything: the broker will not come back.
func (a *appender) abandon() {
	if a.pending != nil && a.sending == nil {
		a.link.release(a.hold)
	}
	a.dead, a.pending = true, nil
	a.wakeWaiting()
}
