// SPDX-License-Identifier: LGPL-3.0-or-later

package resource

import (
	"fmt"

	"goflux/idset"
	core "goflux/internal/core/resource"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// changer is Machine.Drain or Machine.Undrain.
type changer func(now float64, req core.DrainRequest) ([]core.Event, *idset.Set, error)

func (l *leader) drain(c *service.Call, req *rpc.ResourceDrain) {
	l.changeFor(c, "drain", req, func(now float64, r core.DrainRequest) ([]core.Event, *idset.Set, error) {
		return l.m.Drain(now, r)
	})
}

func (l *leader) undrain(c *service.Call, req *rpc.ResourceDrain) {
	l.changeFor(c, "undrain", req, func(now float64, r core.DrainRequest) ([]core.Event, *idset.Set, error) {
		return l.m.Undrain(now, r)
	})
}

func (l *leader) changeFor(c *service.Call, verb string, req *rpc.ResourceDrain, do changer) {
	if err := l.starting(); err != nil {
		c.Fail(err)
		return
	}
	r := core.DrainRequest{Targets: req.Targets, Reason: req.Reason, Mode: req.Mode}
	err := l.change(verb, r, do, func(err error) {
		if err != nil {
			c.Fail(err)
			return
		}
		c.Respond(nil)
	})
	if err != nil {
		c.Fail(err)
	}
}

// change drains or undrains, and calls done when that is durable.
func (l *leader) change(verb string, req core.DrainRequest, do changer, done func(error)) error {
	events, ids, err := do(l.now(), req)
	if err != nil {
		return err
	}
	l.post(events, done)
	reason := ""
	if req.Reason != nil {
		reason = *req.Reason
	}
	overwrite := map[string]int{"overwrite": 1, "force-overwrite": 2}[req.Mode]
	l.h.Log().Info(fmt.Sprintf("%s idset=%s nodelist=%s overwrite=%d reason=%s",
		verb, ids, l.m.Nodelist(ids), overwrite, reason))
	return nil
}
