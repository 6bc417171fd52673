// SPDX-License-Identifier: LGPL-3.0-or-later

package track

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

// Farewells are the messages (SERVICE.disconnect) that tell the services of
// which something was asked that nobody waits for it: whoever asked is gone, or
// out of reach. So no service keeps a stream, a watch or a process for a peer
// that has vanished. Each is from who sent the request.
func Farewells(requests []*message.Message) []*message.Message {
	var out []*message.Message
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
		out = append(out, m)
	}
	return out
}
