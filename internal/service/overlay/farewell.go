// SPDX-License-Identifier: LGPL-3.0-or-later

package overlay

import (
	"slices"
	"strings"

	"goflux/internal/message"
)

// asked is what one farewell ends: what somebody asked of a service somewhere.
type asked struct {
	routes, service string
	nodeID          uint32
	flags           message.Flags
}

// farewell tells the services that were asked for something over the link that
// the router called id that nobody waits for it: whoever asked is gone, or out
// of reach. So no service keeps a stream, a watch or a process for a peer that
// has vanished.
func farewell(r Router, id string, requests []*message.Message) {
	told := map[asked]bool{}
	for _, req := range requests {
		k := asked{strings.Join(req.Routes, "!"), req.Service(), req.NodeID, req.Flags & message.FlagUpstream}
		if told[k] {
			continue
		}
		told[k] = true
		m := message.NewRequest(k.service+".disconnect", k.nodeID, nil)
		m.Cred = req.Cred
		m.Flags |= message.FlagNoResponse | message.FlagRoute | k.flags
		m.Routes = slices.Clone(req.Routes)
		r.SendFrom(id, m)
	}
}
