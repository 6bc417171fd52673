// SPDX-License-Identifier: LGPL-3.0-or-later

package topology

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"goflux/idset"
)

// Local is this machine's topology. With restrict it is what this process may
// run on. FLUX_HWLOC_XMLFILE names a file in hwloc's form to read instead, for
// tests; FLUX_HWLOC_XMLFILE_NOT_THISSYSTEM says that it is another machine's,
// which our processors say nothing about.
func Local(restrict bool) (*Machine, error) {
	m, err := load(&restrict)
	if err != nil {
		return nil, err
	}
	if m.Hostname == "" {
		if m.Hostname, err = os.Hostname(); err != nil {
			return nil, err
		}
	}
	if !restrict {
		return m, nil
	}
	cpus, err := Affinity()
	if err != nil {
		return nil, err
	}
	return m.Restrict(cpus), nil
}

func load(restrict *bool) (*Machine, error) {
	path := os.Getenv("FLUX_HWLOC_XMLFILE")
	if path == "" {
		return Read(os.DirFS("/"))
	}
	if os.Getenv("FLUX_HWLOC_XMLFILE_NOT_THISSYSTEM") != "" {
		*restrict = false
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m, err := ParseXML(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// Affinity is the set of processors that this process may run on.
func Affinity() (*idset.Set, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(os.Getpid(), &set); err != nil {
		return nil, fmt.Errorf("read the processor affinity: %w", err)
	}
	out := idset.New()
	for i := range len(set) * 64 {
		if set.IsSet(i) {
			out.Add(uint32(i))
		}
	}
	return out, nil
}

// Inventory is what a node has to offer, as R describes it (RFC 20).
type Inventory struct {
	Hostname string
	Cores    *idset.Set
	GPUs     *idset.Set
}

// Inventory returns what the machine has to offer.
func (m *Machine) Inventory() Inventory {
	return Inventory{m.Hostname, m.CoreIDs(), m.GPUIDs()}
}
