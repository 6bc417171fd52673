// SPDX-License-Identifier: LGPL-3.0-or-later

package topology

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

const (
	pciDir = "sys/bus/pci/devices"
	kfdDir = "sys/class/kfd/kfd/topology/nodes"
)

// isGPU says which PCI devices are for computing, by driver and class: a VGA
// controller (0300) of Intel's is the screen's, one of the others is a card
// that computes; the rest are 3D and display controllers and accelerators.
func isGPU(driver, class string) bool {
	switch driver {
	case "nvidia":
		return class == "0300" || class == "0302"
	case "amdgpu":
		return class == "0300" || class == "0302" || class == "0380" || class == "1200"
	case "i915", "xe":
		return class == "0302" || class == "0380"
	}
	return false
}

// readGPUs lists the GPUs by PCI address. AMD's driver tells of each partition
// of a device (KFD); a partition is a GPU of its own.
func (s sysfs) readGPUs() []GPU {
	entries, err := fs.ReadDir(s.FS, pciDir)
	if err != nil {
		return nil
	}
	partitions := s.kfdNodes()
	var out []GPU
	for _, e := range entries { // sorted by name, thus by address
		g, ok := s.readGPU(e.Name())
		if !ok {
			continue
		}
		n := 1
		if g.Driver == "amdgpu" && len(partitions) > 0 {
			n = partitions[g.Address]
		}
		out = append(out, slices.Repeat([]GPU{g}, n)...)
	}
	return out
}

func (s sysfs) readGPU(address string) (GPU, bool) {
	dir := pciDir + "/" + address
	class, err := s.text(dir + "/class")
	if err != nil || len(class) < 6 {
		return GPU{}, false
	}
	g := GPU{Address: address, Class: strings.TrimPrefix(class, "0x")[:4], Driver: s.driver(dir), NUMA: s.number(dir+"/numa_node", -1)}
	if !isGPU(g.Driver, g.Class) {
		return GPU{}, false
	}
	vendor, _ := s.text(dir + "/vendor")
	device, _ := s.text(dir + "/device")
	g.IDs = "[" + strings.TrimPrefix(vendor, "0x") + ":" + strings.TrimPrefix(device, "0x") + "]"
	return g, true
}

// driver is the name of the driver bound to a device, "" for none.
func (s sysfs) driver(dir string) string {
	if target, err := fs.ReadLink(s.FS, dir+"/driver"); err == nil {
		return path.Base(target)
	}
	t, _ := s.text(dir + "/uevent")
	for line := range strings.Lines(t) {
		if d, ok := strings.CutPrefix(strings.TrimSpace(line), "DRIVER="); ok {
			return d
		}
	}
	return ""
}

// kfdNodes counts AMD's GPU nodes by PCI address; nodes without vector units
// are processors.
func (s sysfs) kfdNodes() map[string]int {
	entries, err := fs.ReadDir(s.FS, kfdDir)
	if err != nil {
		return nil
	}
	out := map[string]int{}
	for _, e := range entries {
		t, _ := s.text(kfdDir + "/" + e.Name() + "/properties")
		p := map[string]uint64{}
		for line := range strings.Lines(t) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			p[key], _ = strconv.ParseUint(value, 10, 64)
		}
		if p["simd_count"] > 0 {
			// location_id is bus<<8 | device<<3 | function, where the
			// function of a partition is its number.
			at := p["location_id"]
			out[fmt.Sprintf("%04x:%02x:%02x.0", p["domain"], at>>8&0xff, at>>3&0x1f)]++
		}
	}
	return out
}
