// SPDX-License-Identifier: LGPL-3.0-or-later

package resource

import (
	"syscall"

	"goflux/hostlist"
	"goflux/idset"
	"goflux/rset"
)

// maxHosts bounds hosts listed in an event's context: beyond it the idset says
// it all. It is what a hostlist may expand to.
const maxHosts = hostlist.MaxHosts

// Machine is the state of the resources of an instance.
type Machine struct {
	brokers int            // size of the instance
	hosts   *hostlist.List // hosts by broker rank, "hostlist" attribute
	rankOf  map[string]uint32

	r      *rset.R // nil until it is known
	method string

	up, torpid, lost *idset.Set
	exclude          *idset.Set
	drained          map[uint32]drainInfo
	drainedSet       *idset.Set
}

type drainInfo struct {
	since  float64
	reason *string // nil when none was given
}

// New returns the machine of an instance of size brokers on hosts (by rank;
// empty when they are not known), all of them offline.
func New(size int, hosts *hostlist.List) *Machine {
	m := &Machine{
		brokers: size, hosts: hosts, rankOf: map[string]uint32{},
		up: idset.New(), torpid: idset.New(), lost: idset.New(), exclude: idset.New(),
		drained: map[uint32]drainInfo{}, drainedSet: idset.New(),
	}
	rank := uint32(0)
	for h := range hosts.All() {
		if _, seen := m.rankOf[h]; !seen {
			m.rankOf[h] = rank
		}
		rank++
	}
	return m
}

// Size is the number of ranks that can be named: those of the brokers, and
// those of R where it has more (fake resources, recovery).
func (m *Machine) Size() int {
	size := m.brokers
	if m.r != nil {
		if last, ok := m.r.Ranks().Last(); ok {
			size = max(size, int(last)+1)
		}
	}
	return size
}

// ranks is the set of all ranks.
func (m *Machine) ranks() *idset.Set {
	if n := m.Size(); n > 0 {
		return idset.FromRange(0, uint32(n-1))
	}
	return idset.New()
}

// R is the resource set, nil until it is defined. It must not be changed.
func (m *Machine) R() *rset.R { return m.r }

// Method is how R was defined, "" until it is.
func (m *Machine) Method() string { return m.method }

// Shrinks reports whether a rank that went offline is gone for good: so it is
// unless resources are configured (RFC 28, shrink).
func (m *Machine) Shrinks() bool { return m.method != "" && m.method != MethodConfig }

// Define sets R. The event is for after R itself has been kept.
func (m *Machine) Define(now float64, r *rset.R, method string) []Event {
	m.r, m.method = r, method
	return []Event{event(now, EventDefine, true, defineContext{method})}
}

// Expire changes the expiration of R, in seconds since the epoch (RFC 44,
// resource-update). ENOENT when there is no R.
func (m *Machine) Expire(now, expiration float64) ([]Event, error) {
	if m.r == nil {
		return nil, errorf(syscall.ENOENT, "resources are not known yet")
	}
	m.r = m.r.Clone()
	m.r.Expiration = expiration
	return []Event{event(now, EventUpdate, true, updateContext{expiration})}, nil
}

// Restart is the event that opens a history: the ranks, those online, the hosts.
func (m *Machine) Restart(now float64) []Event {
	return []Event{event(now, EventRestart, false, restartContext{
		Ranks: m.ranks().String(), Online: m.up.String(), Nodelist: m.hosts.String(),
	})}
}

// SetOnline makes ids the set of ranks that are online.
func (m *Machine) SetOnline(now float64, ids *idset.Set) []Event {
	joined, left := ids.Subtract(m.up), m.up.Subtract(ids)
	m.lost.AddSet(left)
	m.lost.RemoveSet(joined)
	m.up = ids.Clone()
	return append(transition(now, EventOnline, joined), transition(now, EventOffline, left)...)
}

// ForceOnline makes all ranks online without an event: it is the state that
// Restart tells.
func (m *Machine) ForceOnline() { m.up = m.ranks() }

// SetTorpid makes ids the set of ranks that have not been heard from.
func (m *Machine) SetTorpid(now float64, ids *idset.Set) []Event {
	joined, left := ids.Subtract(m.torpid), m.torpid.Subtract(ids)
	m.torpid = ids.Clone()
	return append(transition(now, EventTorpid, joined), transition(now, EventLively, left)...)
}

// Sets of ranks. They belong to the machine.
func (m *Machine) Online() *idset.Set  { return m.up }
func (m *Machine) Offline() *idset.Set { return m.ranks().Subtract(m.up) }
func (m *Machine) Torpid() *idset.Set  { return m.torpid }
func (m *Machine) Lost() *idset.Set    { return m.lost }
func (m *Machine) Exclude() *idset.Set { return m.exclude }
func (m *Machine) Drained() *idset.Set { return m.drainedSet }

// Down is the ranks that no job may be placed on for now.
func (m *Machine) Down() *idset.Set {
	down := m.Offline()
	down.AddSet(m.torpid)
	down.AddSet(m.drainedSet)
	return down
}

// Schedulable is R without what is excluded, and without what is lost for good.
// ENOENT while R is not known.
func (m *Machine) Schedulable() (*rset.R, error) {
	if m.r == nil {
		return nil, errorf(syscall.ENOENT, "resources are not known yet")
	}
	r := m.r
	if !m.exclude.Empty() {
		r = r.Without(m.exclude)
	}
	if m.Shrinks() && !m.lost.Empty() {
		r = r.Without(m.lost)
	}
	return r, nil
}
