// SPDX-License-Identifier: LGPL-3.0-or-later

package resource

import (
	"github.com/go-json-experiment/json/jsontext"

	core "goflux/internal/core/resource"
	"goflux/internal/rpc"
)

// posted is something for the KVS and for those who watch, in order.
type posted struct {
	events []core.Event
	ops    []rpc.KVSOp // before the durable events
	done   func(error)
}

// durable reports whether it has to be on disk before it is told.
func (p *posted) durable() bool {
	if len(p.ops) > 0 {
		return true
	}
	for _, e := range p.events {
		if e.Durable {
			return true
		}
	}
	return false
}

// post has events told, those that are durable when they are on disk. done may
// be nil.
func (l *leader) post(events []core.Event, done func(error)) {
	if len(events) > 0 || done != nil {
		l.queue = append(l.queue, posted{events: events, done: done})
	}
}

// EndBatch implements service.Batcher: what a batch of messages brought is one
// commit.
func (l *leader) EndBatch() { l.flush() }

func (l *leader) flush() {
	if l.writing != nil || len(l.queue) == 0 {
		return
	}
	batch := l.queue
	l.queue = nil
	ops := commitOps(batch)
	if len(ops) == 0 {
		l.tell(batch, nil)
		return
	}
	l.writing = batch
	l.kvs.commit(ops, func(err error) {
		l.writing = nil
		if err != nil {
			l.h.Log().Error("committing to "+keyLog, "err", err)
		}
		l.tell(batch, err)
	})
}

// commitOps is what a batch writes: one append for all its events.
func commitOps(batch []posted) []rpc.KVSOp {
	var ops []rpc.KVSOp
	var lines []byte
	for i := range batch {
		ops = append(ops, batch[i].ops...)
		for _, e := range batch[i].events {
			if e.Durable {
				lines = e.Entry.Append(lines)
			}
		}
	}
	if lines != nil {
		ops = append(ops, kvsAdd(keyLog, lines))
	}
	return ops
}

// tell tells of a batch whose commit ended with err: those who asked, the
// journal, the scheduler. Of what could not be kept nobody else hears.
func (l *leader) tell(batch []posted, err error) {
	var told []core.Event
	for i := range batch {
		p := &batch[i]
		if err == nil || !p.durable() {
			told = append(told, p.events...)
		}
	}
	l.tellJournals(told)
	for _, e := range told {
		l.cache.invalidate(l.m, e.Entry.Name)
	}
	l.tellScheduler(told)
	for i := range batch {
		if p := &batch[i]; p.done != nil {
			if p.durable() {
				p.done(err)
			} else {
				p.done(nil)
			}
		}
	}
	l.tellWaitups()
}

// tellJournals adds events to the journal and sends them to those who follow.
func (l *leader) tellJournals(events []core.Event) {
	for i := 0; i < len(events); {
		resp := rpc.ResourceEvents{}
		for ; i < len(events); i++ {
			e := events[i].Entry
			define := e.Name == core.EventDefine
			if define && len(resp.Events) > 0 {
				break // it comes alone, with R
			}
			l.log.Add(e)
			resp.Events = append(resp.Events, jsontext.Value(e.String()))
			if define {
				resp.R = l.m.R()
				i++
				break
			}
		}
		for st := range l.journals.All() {
			st.Respond(resp)
		}
	}
}
