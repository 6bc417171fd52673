// SPDX-License-Identifier: LGPL-3.0-or-later

package taskmap

import (
	"fmt"
	"strconv"
	"strings"

	"goflux/idset"
)

// Form is a way to write a map.
type Form int

// Forms. Parse reads all of them.
const (
	Plain       Form = iota // [[0,4,1,4]], RFC 34
	Wrapped                 // {"version":1,"map":[[0,4,1,4]]}, RFC 34
	Raw                     // 0,4;1,5-6;2-3, RFC 34
	RawExpanded             // 0,4;1,5,6;2,3: as Raw, without ranges
	PMI                     // (vector,(0,4,1)), RFC 13's PMI_process_mapping
)

// MaxPMIBlocks bounds the blocks of the PMI form, which has to write out
// repetitions. PMI values are limited to about a kilobyte anyway.
const MaxPMIBlocks = 1 << 16

// Encode writes the map in the given form. The raw forms have no way to say
// that a node has no tasks, and the PMI form is bounded by MaxPMIBlocks: both
// are errors. The unknown map is "" in them.
func (m *Map) Encode(form Form) (string, error) {
	switch form {
	case Plain:
		return m.String(), nil
	case Wrapped:
		return string(m.appendWrapped(nil)), nil
	case Raw:
		return m.encodeRaw((*idset.Set).String)
	case RawExpanded:
		return m.encodeRaw((*idset.Set).Expand)
	case PMI:
		return m.encodePMI()
	}
	return "", fmt.Errorf("taskmap: unknown form %d", form)
}

// String is the plain form of RFC 34: "[[0,4,1,4]]".
func (m *Map) String() string { return string(m.appendBlocks(nil)) }

// MarshalJSON is the wrapped form.
func (m Map) MarshalJSON() ([]byte, error) { return m.appendWrapped(nil), nil }

func (m *Map) appendWrapped(dst []byte) []byte {
	dst = append(dst, `{"version":1,"map":`...)
	return append(m.appendBlocks(dst), '}')
}

func (m *Map) appendBlocks(dst []byte) []byte {
	dst = append(dst, '[')
	for i, b := range m.view() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = b.append(dst)
	}
	return append(dst, ']')
}

func (b Block) append(dst []byte) []byte {
	for i, n := range [...]int{b.Node, b.Nodes, b.PPN, b.Repeat} {
		dst = append(dst, "[,"[min(i, 1)])
		dst = strconv.AppendInt(dst, int64(n), 10)
	}
	return append(dst, ']')
}

// encodeRaw writes the set of tasks of each node.
func (m *Map) encodeRaw(write func(*idset.Set) string) (string, error) {
	// All nodes in one go: asking for each node's tasks would look at every
	// block once a node.
	sets := make([]idset.Set, m.TotalNodes())
	task := 0
	for _, b := range m.view() {
		for range b.Repeat {
			for n := range b.Nodes {
				sets[b.Node+n].AddRange(uint32(task), uint32(task+b.PPN-1))
				task += b.PPN
			}
		}
	}
	var text strings.Builder
	for i := range sets {
		if sets[i].Empty() {
			return "", fmt.Errorf("taskmap: node %d has no tasks, which the raw form cannot say", i)
		}
		if i > 0 {
			text.WriteByte(';')
		}
		text.WriteString(write(&sets[i]))
	}
	return text.String(), nil
}

func (m *Map) encodePMI() (string, error) {
	if m.Unknown() {
		return "", nil
	}
	var text strings.Builder
	text.WriteString("(vector")
	blocks := 0
	for _, b := range m.view() {
		if blocks += b.Repeat; blocks > MaxPMIBlocks {
			return "", fmt.Errorf("taskmap: more than the maximum of %d blocks in PMI form", MaxPMIBlocks)
		}
		for range b.Repeat {
			fmt.Fprintf(&text, ",(%d,%d,%d)", b.Node, b.Nodes, b.PPN)
		}
	}
	text.WriteByte(')')
	return text.String(), nil
}
