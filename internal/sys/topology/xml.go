// SPDX-License-Identifier: LGPL-3.0-or-later

package topology

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"goflux/idset"
)

// XML returns the topology in the form that hwloc 2 reads: packages, memory
// nodes, cores and processors, and the PCI devices that are GPUs. hwloc wants
// memory nodes as children of an object with the same processors, so one that
// is smaller than its package gets a group.
func (m *Machine) XML() []byte {
	w := &xmlWriter{m: m, all: m.CPUs()}
	w.line(`<?xml version="1.0" encoding="UTF-8"?>`)
	w.line(`<!DOCTYPE topology SYSTEM "hwloc2.dtd">`)
	w.line(`<topology version="2.0">`)
	w.open("Machine", 0, w.all, fmt.Sprintf(` allowed_cpuset="%s" allowed_nodeset="%s"`, mask(w.all), mask(w.nodes(w.all))))
	w.info("Backend", "Linux")
	w.info("OSName", "Linux")
	w.info("HostName", m.Hostname)
	w.memory(func(n NUMANode, pkgs int) bool { return pkgs != 1 })
	for _, p := range m.packages() {
		w.pkg(p)
	}
	w.devices()
	w.close()
	w.line(`</topology>`)
	return w.b.Bytes()
}

type xmlWriter struct {
	m     *Machine
	all   *idset.Set
	b     bytes.Buffer
	depth int
	gp    int
}

// pack is a package with its cores.
type pack struct {
	id    int
	cpus  *idset.Set
	cores []Core
}

func (m *Machine) packages() []*pack {
	var out []*pack
	for _, c := range m.Cores {
		i := slices.IndexFunc(out, func(p *pack) bool { return p.id == c.Package })
		if i < 0 {
			out = append(out, &pack{id: c.Package, cpus: idset.New()})
			i = len(out) - 1
		}
		out[i].cores = append(out[i].cores, c)
		out[i].cpus = out[i].cpus.Union(c.CPUs)
	}
	return out
}

func (w *xmlWriter) line(s string) {
	w.b.WriteString(strings.Repeat("  ", w.depth))
	w.b.WriteString(s)
	w.b.WriteByte('\n')
}

func (w *xmlWriter) attrs(kind string, index int, cpus *idset.Set, more string) string {
	w.gp++
	c, n := mask(cpus), mask(w.nodes(cpus))
	return fmt.Sprintf(`<object type="%s" os_index="%d" cpuset="%s" complete_cpuset="%s" nodeset="%s" complete_nodeset="%s" gp_index="%d"%s`,
		kind, index, c, c, n, n, w.gp, more)
}

func (w *xmlWriter) open(kind string, index int, cpus *idset.Set, more string) {
	w.line(w.attrs(kind, index, cpus, more) + ">")
	w.depth++
}

func (w *xmlWriter) close() {
	w.depth--
	w.line("</object>")
}

func (w *xmlWriter) info(name, value string) {
	w.line(fmt.Sprintf(`<info name="%s" value="%s"/>`, name, escape(value)))
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}

// nodes are the memory nodes local to processors.
func (w *xmlWriter) nodes(cpus *idset.Set) *idset.Set {
	s := idset.New()
	for _, n := range w.m.NUMA {
		if n.CPUs.Intersects(cpus) {
			s.Add(uint32(n.ID))
		}
	}
	return s
}

// memory writes the memory nodes that choose picks, given how many packages
// each reaches over.
func (w *xmlWriter) memory(choose func(n NUMANode, pkgs int) bool) {
	for _, n := range w.m.NUMA {
		pkgs := 0
		for _, p := range w.m.packages() {
			if n.CPUs.Intersects(p.cpus) {
				pkgs++
			}
		}
		if choose(n, pkgs) {
			w.numa(n)
		}
	}
}

func (w *xmlWriter) numa(n NUMANode) {
	w.gp++
	c, own := mask(n.CPUs), mask(idset.New(uint32(n.ID)))
	w.line(fmt.Sprintf(`<object type="NUMANode" os_index="%d" cpuset="%s" complete_cpuset="%s" nodeset="%s" complete_nodeset="%s" gp_index="%d" local_memory="%d">`,
		n.ID, c, c, own, own, w.gp, n.Memory))
	w.line(fmt.Sprintf(`  <page_type size="4096" count="%d"/>`, n.Memory/4096))
	w.line("</object>")
}

func (w *xmlWriter) pkg(p *pack) {
	w.open("Package", p.id, p.cpus, "")
	inside := map[int]NUMANode{} // smaller than the package
	w.memory(func(n NUMANode, pkgs int) bool {
		local := pkgs == 1 && n.CPUs.Intersects(p.cpus)
		if local && !n.CPUs.Equal(p.cpus) {
			inside[n.ID] = n
			return false
		}
		return local
	})
	group := -1
	for _, c := range p.cores {
		if n, ok := inside[c.NUMA]; ok && group != c.NUMA {
			if group >= 0 {
				w.close()
			}
			group = c.NUMA
			w.open("Group", c.NUMA, n.CPUs, ` kind="100" subkind="0"`)
			w.numa(n)
		}
		w.core(c)
	}
	if group >= 0 {
		w.close()
	}
	w.close()
}

func (w *xmlWriter) core(c Core) {
	w.open("Core", c.ID, c.CPUs, "")
	for cpu := range c.CPUs.All() {
		w.line(w.attrs("PU", int(cpu), idset.New(cpu), "") + "/>")
	}
	w.close()
}

// backend is what hwloc calls the library that tells of a driver's GPUs, and
// what it calls the devices.
var backend = map[string][2]string{
	"nvidia": {"NVML", "nvml"}, "amdgpu": {"RSMI", "rsmi"}, "i915": {"OpenCL", "opencl0d"}, "xe": {"OpenCL", "opencl0d"},
}

func (w *xmlWriter) devices() {
	if len(w.m.GPUs) == 0 {
		return
	}
	w.gp++
	w.line(fmt.Sprintf(`<object type="Bridge" gp_index="%d" bridge_type="0-1" depth="0" bridge_pci="0000:[00-ff]">`, w.gp))
	w.depth++
	last := ""
	for i, g := range w.m.GPUs {
		if g.Address != last {
			if last != "" {
				w.close()
			}
			w.gp++
			w.line(fmt.Sprintf(`<object type="PCIDev" gp_index="%d" pci_busid="%s" pci_type="%s %s [0000:0000] 00" pci_link_speed="0.000000">`, w.gp, g.Address, g.Class, g.IDs))
			w.depth++
			last = g.Address
		}
		w.gp++
		name := backend[g.Driver]
		w.line(fmt.Sprintf(`<object type="OSDev" gp_index="%d" name="%s%d" subtype="%s" osdev_type="1"><info name="Backend" value="%s"/></object>`, w.gp, name[1], i, name[0], name[0]))
	}
	w.close()
	w.close()
}

// mask is hwloc's text of a bitmap: words of 32 bits, the highest first.
func mask(s *idset.Set) string {
	last, ok := s.Last()
	if !ok {
		return "0x0"
	}
	words := make([]uint32, last/32+1)
	for id := range s.All() {
		words[id/32] |= 1 << (id % 32)
	}
	slices.Reverse(words)
	parts := make([]string, len(words))
	for i, word := range words {
		parts[i] = fmt.Sprintf("0x%08x", word)
	}
	return strings.Join(parts, ",")
}
