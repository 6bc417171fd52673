// SPDX-License-Identifier: LGPL-3.0-or-later

package topology

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"goflux/idset"
)

// maxCPUs bounds processor numbers: the most that Linux can be built for, with room.
const maxCPUs = 1 << 16

// sysfs reads small files below a root.
type sysfs struct{ fs.FS }

func (s sysfs) text(path string) (string, error) {
	b, err := fs.ReadFile(s.FS, path)
	return strings.TrimSpace(string(b)), err
}

// number is def where the file is missing or is none.
func (s sysfs) number(path string, def int) int {
	t, err := s.text(path)
	if err != nil {
		return def
	}
	n, err := strconv.Atoi(t)
	if err != nil {
		return def
	}
	return n
}

// cpus reads a processor list such as 0-3,8.
func (s sysfs) cpus(path string) (*idset.Set, error) {
	t, err := s.text(path)
	if err != nil {
		return nil, err
	}
	return parseCPUs(t)
}

func parseCPUs(t string) (*idset.Set, error) {
	set, err := idset.Parse(t)
	if err != nil {
		return nil, fmt.Errorf("processor list %q: %w", t, err)
	}
	if last, ok := set.Last(); ok && last >= maxCPUs {
		return nil, fmt.Errorf("processor list %q: processors from %d on are not supported", t, maxCPUs)
	}
	return set, nil
}

// Read reads the topology of the machine whose file system root is at root:
// what is below sys/. The hostname is left empty.
func Read(root fs.FS) (*Machine, error) {
	s := sysfs{root}
	online, err := s.cpus("sys/devices/system/cpu/online")
	if err != nil {
		return nil, fmt.Errorf("read the machine's processors: %w", err)
	}
	m := &Machine{}
	if err := s.readNUMA(m, online); err != nil {
		return nil, err
	}
	if err := s.readCores(m, online); err != nil {
		return nil, err
	}
	m.order()
	m.GPUs = s.readGPUs()
	return m, nil
}

const nodeDir = "sys/devices/system/node"

func (s sysfs) readNUMA(m *Machine, online *idset.Set) error {
	ids, err := s.cpus(nodeDir + "/online")
	if errors.Is(err, fs.ErrNotExist) { // a kernel without NUMA
		m.NUMA = []NUMANode{{CPUs: online}}
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the machine's memory nodes: %w", err)
	}
	for id := range ids.All() {
		dir := fmt.Sprintf("%s/node%d", nodeDir, id)
		cpus, err := s.cpus(dir + "/cpulist")
		if err != nil {
			return fmt.Errorf("read memory node %d: %w", id, err)
		}
		m.NUMA = append(m.NUMA, NUMANode{ID: int(id), CPUs: cpus, Memory: s.memory(dir + "/meminfo")})
	}
	return nil
}

// memory finds MemTotal; 0 where it is not told.
func (s sysfs) memory(path string) uint64 {
	t, _ := s.text(path)
	for line := range strings.Lines(t) {
		if _, rest, ok := strings.Cut(line, "MemTotal:"); ok {
			kb, _ := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kb * 1024
		}
	}
	return 0
}

func (s sysfs) readCores(m *Machine, online *idset.Set) error {
	numa := map[uint32]int{}
	for _, n := range m.NUMA {
		for c := range n.CPUs.All() {
			numa[c] = n.ID
		}
	}
	seen := idset.New()
	for cpu := range online.All() {
		if seen.Contains(cpu) {
			continue
		}
		dir := fmt.Sprintf("sys/devices/system/cpu/cpu%d", cpu)
		threads, err := s.threads(dir, cpu)
		if err != nil {
			return fmt.Errorf("read processor %d: %w", cpu, err)
		}
		threads = threads.Intersect(online)
		seen.AddSet(threads)
		m.Cores = append(m.Cores, Core{
			ID:      s.number(dir+"/topology/core_id", int(cpu)),
			Package: max(0, s.number(dir+"/topology/physical_package_id", 0)),
			NUMA:    numa[cpu],
			L3:      s.lastCache(dir),
			CPUs:    threads,
		})
	}
	return nil
}

// threads are the processors of a processor's core: itself where nothing more is told.
func (s sysfs) threads(dir string, cpu uint32) (*idset.Set, error) {
	for _, name := range []string{"core_cpus_list", "thread_siblings_list"} {
		set, err := s.cpus(dir + "/topology/" + name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && !set.Contains(cpu) {
			err = fmt.Errorf("%s does not hold it", name)
		}
		return set, err
	}
	return idset.New(cpu), nil
}

// lastCache is the first processor that shares the level 3 cache, 0 without one.
func (s sysfs) lastCache(dir string) int {
	for i := range 6 { // level 1 data and instructions, 2, 3, perhaps 4
		cache := fmt.Sprintf("%s/cache/index%d", dir, i)
		if s.number(cache+"/level", 0) != 3 {
			continue
		}
		if set, err := s.cpus(cache + "/shared_cpu_list"); err == nil {
			id, _ := set.First()
			return int(id)
		}
	}
	return 0
}
