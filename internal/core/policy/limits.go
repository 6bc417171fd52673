// SPDX-License-Identifier: LGPL-3.0-or-later

package policy

import (
	"fmt"
	"syscall"

	"goflux/fsd"
	"goflux/internal/message"
	"goflux/jobspec"
)

// unlimited is the value of a count that lifts a limit set above it; that of a
// duration is 0.
const unlimited = -1

// sizes are the counts that may be limited.
var sizes = []string{"nnodes", "ncores", "ngpus"}

// Duration checks a duration in seconds, 0 for none, against the limit of a
// queue ("" for the anonymous one). EINVAL.
func (p *Policy) Duration(queue string, seconds float64) error {
	limit := p.of(queue).limits["duration"]
	if limit == 0 || seconds > 0 && seconds <= limit {
		return nil
	}
	asked := "unlimited"
	if seconds > 0 {
		asked = fsd.Format(seconds)
	}
	return message.Errorf(syscall.EINVAL, "requested duration (%s) exceeds policy limit of %s%s",
		asked, fsd.Format(limit), forQueue(queue))
}

// Size checks what is asked for against the limits of a queue. EINVAL.
func (p *Policy) Size(queue string, c jobspec.Counts) error {
	asked := map[string]int64{"nnodes": c.Nodes.Min(), "ncores": c.TotalCores(), "ngpus": c.TotalGPUs()}
	limits := p.of(queue).limits
	for _, bound := range []struct {
		key, verb string
		broken    func(value, limit int64) bool
	}{
		{"max", "exceeds", func(value, limit int64) bool { return value > limit }},
		{"min", "is under", func(value, limit int64) bool { return value < limit }},
	} {
		for _, size := range sizes {
			limit, ok := limits["job-size."+bound.key+"."+size]
			if ok && limit != unlimited && bound.broken(asked[size], int64(limit)) {
				return message.Errorf(syscall.EINVAL, "requested %s (%d) %s policy limit of %d%s",
					size, asked[size], bound.verb, int64(limit), forQueue(queue))
			}
		}
	}
	return nil
}

// SizeLimited reports whether a queue has limits on counts.
func (p *Policy) SizeLimited(queue string) bool {
	limits := p.of(queue).limits
	_, duration := limits["duration"]
	return len(limits) > 1 || len(limits) == 1 && !duration
}

func (p *Policy) of(queue string) rules {
	if q := p.queues[queue]; q != nil {
		return q.rules
	}
	return p.general
}

func forQueue(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf(" for queue %s", name)
}
