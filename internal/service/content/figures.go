// SPDX-License-Identifier: LGPL-3.0-or-later

package content

import (
	"goflux/internal/message"
	"goflux/internal/sys/statsd"
)

// sendFigures has the cache's figures sent to a monitoring system with each
// heartbeat, where there is one.
func (s *content) sendFigures() {
	server, ok := s.h.Shared("statsd").(*statsd.Client)
	if !ok {
		return
	}
	s.h.Subscribe("heartbeat.pulse", func(*message.Message) {
		server.Gauges(
			statsd.Gauge{Name: "content-cache.count", Value: int64(len(s.entries))},
			statsd.Gauge{Name: "content-cache.valid", Value: int64(s.valid)},
			statsd.Gauge{Name: "content-cache.dirty", Value: int64(s.dirty)},
			statsd.Gauge{Name: "content-cache.size", Value: s.size},
			statsd.Gauge{Name: "content-cache.flush-batch-count", Value: int64(s.storing)},
		)
	})
}
