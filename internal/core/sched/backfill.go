// SPDX-License-Identifier: LGPL-3.0-or-later

package sched

// backfillMost is how many requests behind the head of the queue are looked at
// in a step: each costs a look at many nodes. The job manager keeps no more than
// DefaultDepth here unless told otherwise.
const backfillMost = 64

// Backfill makes the policy that of EASY backfill (flux-core's sched-backfill):
// the head of the queue has a reservation for the time it is estimated to start
// at, and those behind it may start before it if they end by then.
func (m *Machine) Backfill() { m.backfill = true }

// serveBehind grants requests behind the blocked head that do not delay it.
func (m *Machine) serveBehind(effects []Effect, head *waiting, now float64) []Effect {
	if !m.backfill {
		return effects
	}
	if !m.reserved {
		m.reserved, m.shadow = true, 0
		if e := m.Outlook(1).Estimates(now); len(e) > 0 {
			m.shadow = e[0].At
		}
	}
	for _, w := range m.behind(head, now) {
		picks, slots, ok := m.pool.place(w.request)
		if !ok {
			continue
		}
		grant := m.grant(w, picks, slots, now)
		grant.Ahead = head.id
		effects = append(effects, grant)
	}
	return effects
}

// behind are the requests after the head that end before it starts. Without an
// estimate for the head there are none.
func (m *Machine) behind(head *waiting, now float64) (out []*waiting) {
	seen := 0
	m.queue.Scan(func(w *waiting) bool {
		if w != head && w.request.Duration > 0 && now+w.request.Duration <= m.shadow {
			out = append(out, w)
		}
		seen++
		return seen <= backfillMost
	})
	return out
}
