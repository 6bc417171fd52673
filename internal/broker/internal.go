// SPDX-License-Identifier: LGPL-3.0-or-later

package broker

import "goflux/internal/service"

// StartInternal runs a registration as a part of the broker: it has a loop of
// its own, but is not listed or removed as a module is. It panics when one of
// its names is taken: what the broker consists of is fixed.
func (b *Broker) StartInternal(reg *service.Registration) {
	m := newModule(b, b.router, reg, reg.Name, NewUUID())
	b.router.Attach(m.uuid, m)
	for _, n := range append([]string{reg.Name}, reg.Aliases...) {
		if err := b.router.AddService(n, m.uuid); err != nil {
			panic("broker: internal service " + n + ": " + err.Error())
		}
	}
	b.mu.Lock()
	b.internals = append(b.internals, m)
	b.mu.Unlock()
	m.start(nil)
}

// stopInternals stops them, last first.
func (b *Broker) stopInternals() {
	b.mu.Lock()
	list := b.internals
	b.internals = nil
	b.mu.Unlock()
	for i := len(list) - 1; i >= 0; i-- {
		list[i].stop()
		<-list[i].exited
	}
}
