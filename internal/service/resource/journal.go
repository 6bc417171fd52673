// SPDX-License-Identifier: LGPL-3.0-or-later

package resource

import (
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	core "goflux/internal/core/resource"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// journalBatch is the number of events of one answer, so that none grows with
// the history.
const journalBatch = 100

// journalOpen serves resource.journal (RFC 44): the history, an empty answer
// that marks its end, then what happens.
func (l *leader) journalOpen(c *service.Call) {
	if !c.Streaming() {
		c.Fail(message.Errorf(syscall.EPROTO, "journal requires streaming RPC flag"))
		return
	}
	if l.log == nil {
		c.Fail(syscall.EAGAIN)
		return
	}
	batch := rpc.ResourceEvents{}
	send := func() {
		if len(batch.Events) > 0 {
			c.Respond(batch)
			batch = rpc.ResourceEvents{}
		}
	}
	for e := range l.log.All() {
		if e.Name == core.EventDefine {
			send()
			batch.R = l.m.R()
		}
		batch.Events = append(batch.Events, jsontext.Value(e.String()))
		if e.Name == core.EventDefine || len(batch.Events) == journalBatch {
			send()
		}
	}
	send()
	c.Respond(rpc.ResourceEvents{Events: []jsontext.Value{}})
	l.journals.Add(c, struct{}{})
}

func (l *leader) journalCancel(c *service.Call, req *rpc.Matchtag) {
	l.journals.Cancel(c, req.Matchtag)
}
