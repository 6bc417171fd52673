// SPDX-License-Identifier: LGPL-3.0-or-later

package resource

import (
	"context"
	"fmt"
	"syscall"

	"goflux/eventlog"
	"goflux/hostlist"
	core "goflux/internal/core/resource"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/rset"
)

// leader is the service on rank 0.
type leader struct {
	h    service.Host
	opt  *options
	node node
	kvs  kvs
	m    *core.Machine

	running, failed bool    // the start is over
	last            float64 // time of an event

	log     *core.Journal
	queue   []posted // events that are not out yet
	writing []posted // those of the commit under way, nil when there is none

	found     *found
	fragments map[uint32]*rset.R // what ranks found, until R is known
	// expiration is that of the enclosing job, for R that is found later.
	expiration float64

	journals service.Streams[struct{}]
	acquirer service.Streams[*core.Acquisition] // one at most
	muted    bool
	waitups  []waitup

	statusCalls []*service.Call // waiting for the job manager
	cache       statusCache

	stopWatch context.CancelFunc // ends the watch of the enclosing job's R
}

func newLeader(h service.Host, opt *options, n node) *leader {
	return &leader{h: h, opt: opt, node: n, kvs: kvs{h: h}, fragments: map[uint32]*rset.R{}}
}

// now is the time of an event, never before that of one that is recorded: what a
// checkpoint holds and what comes after it is told by the times, and clocks are
// set back.
func (l *leader) now() float64 {
	l.last = max(l.last, float64(l.h.Now().UnixNano())/1e9)
	return l.last
}

// fail ends the start with an error that the log shows, too.
func (l *leader) fail(err error) {
	l.failed = true
	l.h.Log().Error(err.Error())
	l.h.Fail(err)
}

// history is what the KVS keeps: durable state before this start.
type history struct {
	log        []eventlog.Entry
	checkpoint *core.Checkpoint
	r          []byte
}

// Start implements service.Starter: it reads the state from the KVS first.
func (l *leader) Start() {
	var past history
	left := 3
	var failure error
	read := func(key string, use func([]byte) error) {
		l.kvs.get(key, func(b []byte, err error) {
			if err == nil && len(b) > 0 {
				err = use(b)
			}
			if err != nil && failure == nil {
				failure = message.Errorf(message.Errno(err), "%s: %v", key, err)
			}
			if left--; left > 0 {
				return
			}
			if failure != nil {
				l.fail(failure)
				return
			}
			l.restore(&past)
		})
	}
	read(keyLog, func(b []byte) (err error) { past.log, err = eventlog.Parse(b); return err })
	read(keyCheckpoint, func(b []byte) error {
		past.checkpoint = new(core.Checkpoint)
		return message.Unmarshal(b, past.checkpoint)
	})
	read(keyR, func(b []byte) error { past.r = b; return nil })
}

// restore rebuilds the state, R first: hosts and ranks are read with it.
func (l *leader) restore(past *history) {
	hosts := &hostlist.List{}
	if s, ok := l.h.Attr("hostlist"); ok {
		if list, err := hostlist.Parse(s); err == nil {
			hosts = list
		}
	}
	l.m = core.New(int(l.h.Size()), hosts)
	l.findR(past.r, func(r *rset.R, method string) {
		if err := l.replay(past, r, method); err != nil {
			l.fail(err)
			return
		}
		l.discover()
	})
}

// replay makes the state that is known at the start, and posts the events that
// open its history. r is nil if R is not known.
func (l *leader) replay(past *history, r *rset.R, method string) error {
	if past.checkpoint != nil {
		l.last = past.checkpoint.Timestamp
	}
	for _, e := range past.log {
		l.last = max(l.last, e.Timestamp)
	}
	started := l.now()
	var defined []core.Event
	if r != nil {
		l.fragments = nil
		defined = l.m.Define(l.now(), r, method)
	}
	log, old, err := l.m.Upgrade(past.log)
	if err == nil {
		err = l.m.Replay(past.checkpoint, log)
	}
	if err != nil {
		return message.Errorf(message.Errno(err), "%s: %v", keyLog, err)
	}
	l.log = core.NewJournal(l.opt.journalMax, log)
	if old {
		l.h.Log().Info(fmt.Sprintf("%s: reduced from %d to %d entries", keyLog, len(past.log), len(log)))
	}
	l.rewrite(past, log, old)
	undrained, err := l.m.SetExclude(l.now(), l.opt.exclude)
	if err != nil {
		return err
	}
	if l.opt.forceUp {
		l.m.ForceOnline()
	}
	l.post(l.m.Restart(started), nil)
	switch {
	case r == nil:
	case method == core.MethodKVS: // it stays as it was written there
		l.post(defined, l.mustKeep)
	default:
		if err := l.postR(defined, l.mustKeep); err != nil {
			return err
		}
	}
	l.post(undrained, nil)
	return nil
}

// rewrite replaces the log in the KVS when it has been upgraded, or what is old
// in it need not be kept.
func (l *leader) rewrite(past *history, log []eventlog.Entry, upgraded bool) {
	if !l.opt.recovery && !l.opt.notruncate {
		log = core.Truncated(log, past.checkpoint, l.now(), l.opt.history)
	}
	if len(log) == len(past.log) && !upgraded {
		return
	}
	var b []byte
	for _, e := range log {
		b = e.Append(b)
	}
	l.queue = append(l.queue, posted{ops: []rpc.KVSOp{kvsPut(keyLog, b)}})
}

// discover looks at this node and checks it, as every rank does.
func (l *leader) discover() {
	discover(l.h, l.node, l.opt, func(got *found, err error) {
		if err != nil {
			l.fail(message.Errorf(message.Errno(err), "error loading hwloc topology: %v", err))
			return
		}
		l.found = got
		mine := got.onRank(0)
		if reason := l.opt.mismatch(l.m.R(), l.m.Method(), mine); reason != "" {
			l.h.Log().Error("draining: " + reason)
			if err := l.change("drain", core.DrainRequest{Targets: "0", Reason: &reason, Mode: "update"}, l.m.Drain, nil); err != nil {
				l.fail(err)
				return
			}
		}
		l.addFragment(mine)
		l.monitor()
	})
}

// ready ends the start, when all that came up on the way is durable.
func (l *leader) ready() {
	l.post(nil, func(error) {
		if !l.failed {
			l.running = true
			l.h.SetRunning()
		}
	})
}

// Reconfigure implements service.Configurable: all but the journal's length is
// for the next start to use (flux-config-resource(5)).
func (l *leader) Reconfigure() error {
	opt, err := readConfig(l.h)
	if err != nil {
		return err
	}
	if l.log != nil {
		l.log.SetMax(opt.journalMax)
	}
	return nil
}

// Disconnect implements service.Disconnecter.
func (l *leader) Disconnect(sender string) {
	l.acquirer.Disconnect(sender, nil)
	l.journals.Disconnect(sender, nil)
	l.forgetWaitups(sender)
	l.forgetStatus(sender)
}

// StopAsync implements service.AsyncStopper: the drain state is checkpointed,
// so that the log may be truncated at the next start.
func (l *leader) StopAsync(done func()) {
	for st := range l.journals.All() {
		l.journals.Finish(st, nil)
	}
	if l.m == nil || l.log == nil || l.opt.recovery {
		done()
		return
	}
	b, err := message.Marshal(l.m.Checkpoint(l.now()))
	if err != nil {
		done()
		return
	}
	l.queue = append(l.queue, posted{ops: []rpc.KVSOp{kvsPut(keyCheckpoint, b)}, done: func(err error) {
		if err != nil {
			l.h.Log().Error("failed to checkpoint drain state", "err", err)
		}
		done()
	}})
}

// Stop implements service.Stopper.
func (l *leader) Stop() {
	if l.stopWatch != nil {
		l.stopWatch()
	}
}

func (l *leader) get(c *service.Call) {
	if l.m == nil || l.m.R() == nil {
		c.Fail(syscall.ENOENT)
		return
	}
	c.Respond(rpc.ResourceGet{R: l.m.R(), Method: l.m.Method()})
}

func (l *leader) topoGet(c *service.Call) { topoGet(c, l.found) }
