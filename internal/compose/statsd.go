// SPDX-License-Identifier: LGPL-3.0-or-later

package compose

import (
	"fmt"
	"os"

	"goflux/internal/sys/statsd"
)

// provideStatsd opens the way to the StatsD server that FLUX_FRIPP_STATSD
// names; there is nothing to provide without it.
func provideStatsd(env Env) {
	addr, ok := os.LookupEnv("FLUX_FRIPP_STATSD")
	if !ok {
		return
	}
	env.Provide("statsd", func() (any, error) {
		c, err := statsd.Open(addr, fmt.Sprintf("flux.%d", env.Rank()))
		if err != nil {
			return nil, fmt.Errorf("FLUX_FRIPP_STATSD parse error: %w", err)
		}
		return c, nil
	})
}
