// SPDX-License-Identifier: LGPL-3.0-or-later

package overlay

import (
	"goflux/internal/message"
	"goflux/internal/track"
)

// farewell says goodbye for those who asked for something over the link that the
// router called id.
func farewell(r Router, id string, requests []*message.Message) {
	for _, m := range track.Farewells(requests) {
		r.SendFrom(id, m)
	}
}
