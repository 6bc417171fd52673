// SPDX-License-Identifier: LGPL-3.0-or-later

package topology

import (
	"cmp"
	"slices"

	"goflux/idset"
)

// Machine is a node's topology. It is not changed once made.
type Machine struct {
	Hostname string
	// Cores in logical order: those of one socket, NUMA node and last level
	// cache stand together, and all go by their first processor.
	Cores []Core
	NUMA  []NUMANode
	GPUs  []GPU
}

// Core is a core with the processors (hardware threads) it has.
type Core struct {
	ID      int // as the system numbers it, unique in its socket only
	Package int
	NUMA    int
	L3      int // the first processor that shares its last level cache
	CPUs    *idset.Set
}

// NUMANode is a memory node.
type NUMANode struct {
	ID     int
	CPUs   *idset.Set
	Memory uint64 // bytes
}

// GPU is a device for computing. One device may be partitioned into several.
type GPU struct {
	Address string // of its PCI device, "0000:81:00.0"
	Driver  string // nvidia, amdgpu, i915, xe
	Class   string // of the PCI device, four hexadecimal digits
	IDs     string // "[vendor:device]" in hexadecimal digits
	NUMA    int    // −1 when not known
}

// order sorts the cores into logical order.
func (m *Machine) order() {
	first := func(s *idset.Set) uint32 { id, _ := s.First(); return id }
	pkg, numa := map[int]uint32{}, map[int]uint32{}
	for _, c := range m.Cores {
		lower(pkg, c.Package, first(c.CPUs))
		lower(numa, c.NUMA, first(c.CPUs))
	}
	slices.SortFunc(m.Cores, func(a, b Core) int {
		return cmp.Or(
			cmp.Compare(pkg[a.Package], pkg[b.Package]),
			cmp.Compare(numa[a.NUMA], numa[b.NUMA]),
			cmp.Compare(a.L3, b.L3),
			cmp.Compare(first(a.CPUs), first(b.CPUs)),
		)
	})
}

func lower(m map[int]uint32, key int, v uint32) {
	if old, ok := m[key]; !ok || v < old {
		m[key] = v
	}
}

// Restrict returns the part of m that has processors of cpus, numbered anew.
// Devices stay.
func (m *Machine) Restrict(cpus *idset.Set) *Machine {
	r := &Machine{Hostname: m.Hostname, GPUs: m.GPUs}
	for _, c := range m.Cores {
		if c.CPUs = c.CPUs.Intersect(cpus); !c.CPUs.Empty() {
			r.Cores = append(r.Cores, c)
		}
	}
	for _, n := range m.NUMA {
		if n.CPUs = n.CPUs.Intersect(cpus); !n.CPUs.Empty() {
			r.NUMA = append(r.NUMA, n)
		}
	}
	return r
}

// CPUs are the processors of all cores.
func (m *Machine) CPUs() *idset.Set {
	s := idset.New()
	for _, c := range m.Cores {
		s.AddSet(c.CPUs)
	}
	return s
}

// CoreCPUs returns the processors of the cores with the given logical ids;
// false when there is no such core.
func (m *Machine) CoreCPUs(cores *idset.Set) (*idset.Set, bool) {
	s := idset.New()
	for id := range cores.All() {
		if int(id) >= len(m.Cores) {
			return nil, false
		}
		s.AddSet(m.Cores[id].CPUs)
	}
	return s, true
}

// CoreIDs and GPUIDs are the ids that R gives a node: all from 0.
func (m *Machine) CoreIDs() *idset.Set { return upTo(len(m.Cores)) }

// GPUIDs are the ids of the GPUs.
func (m *Machine) GPUIDs() *idset.Set { return upTo(len(m.GPUs)) }

func upTo(n int) *idset.Set {
	if n == 0 {
		return idset.New()
	}
	return idset.FromRange(0, uint32(n-1))
}

// Packages is the number of sockets.
func (m *Machine) Packages() int {
	seen := map[int]bool{}
	for _, c := range m.Cores {
		seen[c.Package] = true
	}
	return len(seen)
}
