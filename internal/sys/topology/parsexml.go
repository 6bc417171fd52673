// SPDX-License-Identifier: LGPL-3.0-or-later

package topology

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"goflux/idset"
)

// coprocessors are hwloc's names of the libraries that tell of GPUs for
// computing, with the driver behind each where there is but one.
var coprocessors = map[string]string{"CUDA": "nvidia", "NVML": "nvidia", "OpenCL": "", "RSMI": "amdgpu"}

// ParseXML reads a topology in hwloc's XML form, versions 1 and 2. A device
// that several libraries tell of counts once, as often as the first of them does;
// with FLUX_HWLOC_GPU_NO_DEDUP in the environment, as often as any of them does
// (flux-environment(7)).
func ParseXML(b []byte) (*Machine, error) {
	p := &xmlParser{m: &Machine{}, backends: map[string]string{}, all: os.Getenv("FLUX_HWLOC_GPU_NO_DEDUP") != ""}
	d := xml.NewDecoder(bytes.NewReader(b))
	d.Strict = true
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("topology: %w", err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			if err := p.start(t); err != nil {
				return nil, fmt.Errorf("topology: line %d: %w", lineOf(d), err)
			}
		case xml.EndElement:
			p.end(t.Name.Local)
		}
	}
	if len(p.m.Cores) == 0 {
		return nil, errors.New("topology: no cores")
	}
	p.m.placeCores()
	return p.m, nil
}

func lineOf(d *xml.Decoder) int { line, _ := d.InputPos(); return line }

type object struct {
	kind  string
	index int
	cpus  *idset.Set
	attr  map[string]string
}

type xmlParser struct {
	m        *Machine
	stack    []object
	backends map[string]string // by PCI address: the library that counts
	all      bool              // whether all libraries count
}

func (p *xmlParser) start(e xml.StartElement) error {
	attr := map[string]string{}
	for _, a := range e.Attr {
		attr[a.Name.Local] = a.Value
	}
	switch e.Name.Local {
	case "object":
		return p.object(attr)
	case "info":
		p.info(attr["name"], attr["value"])
	}
	return nil
}

func (p *xmlParser) object(attr map[string]string) error {
	cpus, err := parseMask(attr["cpuset"])
	if err != nil {
		return err
	}
	o := object{kind: attr["type"], cpus: cpus, attr: attr}
	o.index, _ = strconv.Atoi(attr["os_index"]) // devices have none
	p.stack = append(p.stack, o)
	switch o.kind {
	case "Core":
		c := Core{ID: o.index, CPUs: cpus, L3: -1}
		for _, up := range p.stack {
			switch up.kind {
			case "Package", "Socket":
				c.Package = up.index
			case "L3Cache":
				id, _ := up.cpus.First()
				c.L3 = int(id)
			}
		}
		p.m.Cores = append(p.m.Cores, c)
	case "NUMANode":
		mem, _ := strconv.ParseUint(attr["local_memory"], 10, 64)
		p.m.NUMA = append(p.m.NUMA, NUMANode{ID: o.index, CPUs: cpus, Memory: mem})
	}
	return nil
}

func (p *xmlParser) end(name string) {
	if name == "object" && len(p.stack) > 0 {
		p.stack = p.stack[:len(p.stack)-1]
	}
}

func (p *xmlParser) info(name, value string) {
	if len(p.stack) == 0 {
		return
	}
	top := p.stack[len(p.stack)-1]
	switch {
	case top.kind == "Machine" && name == "HostName":
		p.m.Hostname = value
	case top.kind == "OSDev" && name == "Backend":
		p.gpu(value)
	}
}

func (p *xmlParser) gpu(library string) {
	driver, ok := coprocessors[library]
	if !ok {
		return
	}
	g := GPU{Driver: driver, NUMA: -1}
	for _, up := range p.stack {
		if up.kind == "PCIDev" {
			g.Address = up.attr["pci_busid"]
			g.Class, g.IDs, _ = strings.Cut(up.attr["pci_type"], " ")
		}
	}
	if first := p.backends[g.Address]; !p.all && g.Address != "" && first != "" && first != library {
		return
	}
	p.backends[g.Address] = library
	p.m.GPUs = append(p.m.GPUs, g)
}

// placeCores gives each core its memory node. The file's order is the logical one.
func (m *Machine) placeCores() {
	for i := range m.Cores {
		for _, n := range m.NUMA {
			if m.Cores[i].CPUs.Intersects(n.CPUs) {
				m.Cores[i].NUMA = n.ID
				break
			}
		}
	}
}

// parseMask reads a bitmap as hwloc writes it: 0x00000001,0x0000000f, where a
// word may be empty.
func parseMask(s string) (*idset.Set, error) {
	set := idset.New()
	if s == "" {
		return set, nil
	}
	words := strings.Split(s, ",")
	if len(words) > maxCPUs/32 {
		return nil, fmt.Errorf("bitmap of %d words is too long", len(words))
	}
	for i, text := range words {
		if text == "" || text == "0xf...f" {
			continue
		}
		w, err := strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 32)
		if err != nil {
			return nil, fmt.Errorf("bitmap %q: %w", s, err)
		}
		base := uint32(len(words)-1-i) * 32
		for bit := range uint32(32) {
			if w>>bit&1 == 1 {
				set.Add(base + bit)
			}
		}
	}
	return set, nil
}
