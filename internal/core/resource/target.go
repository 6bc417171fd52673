// SPDX-License-Identifier: LGPL-3.0-or-later

package resource

import (
	"syscall"

	"goflux/hostlist"
	"goflux/idset"
)

// Targets reads ranks as an idset (RFC 22) or, with R, as hosts (RFC 29).
// Errors wrap EINVAL.
func (m *Machine) Targets(targets string) (*idset.Set, error) {
	if ids, err := idset.Parse(targets); err == nil {
		return ids, nil
	}
	if m.r == nil {
		return nil, errorf(syscall.EINVAL, "R is unavailable for mapping hostnames to ranks")
	}
	hosts, err := hostlist.Parse(targets)
	if err != nil {
		return nil, errorf(syscall.EINVAL, "invalid targets: %v", err)
	}
	ids, err := m.r.RanksOf(hosts)
	if err != nil {
		return nil, errorf(syscall.EINVAL, "invalid targets: %v", err)
	}
	return ids, nil
}

// checked is Targets for a request, which has to name something that exists.
func (m *Machine) checked(targets string) (*idset.Set, error) {
	ids, err := m.Targets(targets)
	if err != nil {
		return nil, err
	}
	last, ok := ids.Last()
	if !ok {
		return nil, errorf(syscall.EINVAL, "idset is empty")
	}
	if int64(last) >= int64(m.Size()) {
		return nil, errorf(syscall.EINVAL, "idset is out of range")
	}
	return ids, nil
}

// Nodelist is the hosts of ranks, as far as they are known.
func (m *Machine) Nodelist(ids *idset.Set) string { return *m.nodelist(ids) }

func (m *Machine) nodelist(ids *idset.Set) *string {
	list := &hostlist.List{}
	for id := range ids.All() {
		if list.Len() == maxHosts {
			break
		}
		if h := m.host(id); h != "" {
			_ = list.Append(h) // a name that was in a list parses
		}
	}
	s := list.String()
	return &s
}

// host is the name of a rank's host, "" when it is not known.
func (m *Machine) host(rank uint32) string {
	if h, ok := m.hosts.At(int(rank)); ok {
		return h
	}
	if m.r != nil {
		return m.r.Host(rank)
	}
	return ""
}

// remap finds where the targets of an event are now: each stays unless its host
// has another rank since. Ranks and hosts that are no more are left out.
func (m *Machine) remap(ids *idset.Set, hosts *hostlist.List) *idset.Set {
	out := idset.New()
	i := 0
	for id := range ids.All() {
		if int64(id) >= int64(m.Size()) && i >= hosts.Len() {
			break // what follows is greater
		}
		h, known := hosts.At(i)
		i++
		if known && m.hosts.Len() > 0 && m.host(id) != h {
			rank, ok := m.rankOf[h]
			if !ok {
				continue
			}
			id = rank
		}
		if int64(id) < int64(m.Size()) {
			out.Add(id)
		}
	}
	return out
}

// SetExclude withholds targets from scheduling; "" withholds none. What was
// drained of them is undrained, for nodes cannot be both.
func (m *Machine) SetExclude(now float64, targets string) ([]Event, error) {
	ids, err := m.Targets(targets)
	if err != nil {
		return nil, errorf(syscall.EINVAL, "error decoding exclude set %s: %v", targets, err)
	}
	if last, ok := ids.Last(); ok && int64(last) >= int64(m.Size()) {
		return nil, errorf(syscall.EINVAL, "exclude set %s is out of range", targets)
	}
	m.exclude = ids
	both := m.drainedSet.Intersect(ids)
	if both.Empty() {
		return nil, nil
	}
	return []Event{m.undrained(now, both, 0, nil)}, nil
}
