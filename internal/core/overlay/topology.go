// SPDX-License-Identifier: LGPL-3.0-or-later

package overlay

import (
	"fmt"
	"strconv"
	"strings"

	"goflux/idset"
)

// NoParent is the root's parent.
const NoParent = -1

// Topology is a tree of ranks 0 to Size-1 with rank 0 at its root.
type Topology struct {
	parent   []int // by rank
	children [][]uint32
	below    []int // how many are below each rank
}

// Host is an entry of the bootstrap hosts array, in order of rank, as far as a
// custom topology needs it.
type Host struct{ Name, Parent string }

// NewTopology builds the tree that scheme (kary:k, mincrit[:k], binomial,
// custom) makes of size ranks. Only custom looks at hosts; without parents all
// are children of rank 0.
func NewTopology(scheme string, size int, hosts []Host) (*Topology, error) {
	if size < 1 {
		return nil, fmt.Errorf("invalid topology size %d", size)
	}
	parent := make([]int, size) // rank 0 is everyone's parent
	parent[0] = NoParent
	name, arg, hasArg := strings.Cut(scheme, ":")
	var err error
	switch name {
	case "kary":
		err = kary(parent, arg)
	case "mincrit":
		err = mincrit(parent, arg)
	case "binomial":
		if hasArg && arg != "" {
			err = fmt.Errorf("unknown binomial topology directive: '%s'", arg)
			break
		}
		binomial(parent, 0, orderFor(size))
	case "custom":
		if hasArg && arg != "" {
			err = fmt.Errorf("unknown custom topology directive: '%s'", arg)
			break
		}
		err = custom(parent, hosts)
	default:
		err = fmt.Errorf("unknown topology scheme '%s'", name)
	}
	if err != nil {
		return nil, err
	}
	return index(parent), nil
}

// kary makes a complete tree in which each rank has k children; 0 is flat.
func kary(parent []int, arg string) error {
	k, err := strconv.ParseUint(arg, 10, 31)
	if err != nil {
		return fmt.Errorf("kary k value must be an integer >= 0")
	}
	for rank := 1; rank < len(parent) && k > 0; rank++ {
		parent[rank] = (rank - 1) / int(k)
	}
	return nil
}

// maxFanout is how many children mincrit would give a broker at most.
const maxFanout = 1024

// mincrit makes a tree of at most three levels with k routers in the middle.
func mincrit(parent []int, arg string) error {
	k := routersFor(len(parent))
	if arg != "" {
		n, err := strconv.ParseUint(arg, 10, 31)
		if err != nil {
			return fmt.Errorf("mincrit k value must be an integer >= 0")
		}
		k = int(n)
	}
	for rank := k + 1; rank < len(parent) && k > 0; rank++ {
		parent[rank] = (rank-k-1)%k + 1
	}
	return nil
}

// routersFor is the least number of routers that keeps the fanout below
// maxFanout. A single router would move work without dividing it.
func routersFor(size int) int {
	if size <= maxFanout+1 {
		return 0
	}
	k := 2
	for (size-1-k+k-1)/k > maxFanout {
		k++
	}
	return k
}

// orderFor is the least order of a binomial tree of size ranks.
func orderFor(size int) int {
	k := 0
	for 1<<k < size {
		k++
	}
	return k
}

func binomial(parent []int, root, order int) {
	for j := range order {
		child := root + 1<<j
		if child < len(parent) {
			parent[child] = root
			binomial(parent, child, j)
		}
	}
}

func custom(parent []int, hosts []Host) error {
	rankOf := make(map[string]int, len(hosts))
	for rank, h := range hosts {
		rankOf[h.Name] = rank
	}
	for rank, h := range hosts {
		if h.Parent == "" {
			continue
		}
		if rank == 0 {
			return fmt.Errorf("Config file [bootstrap] hosts: rank 0 (%s) may not have a parent in a tree topology", h.Name)
		}
		if rank >= len(parent) {
			return fmt.Errorf("topology size does not match host array size")
		}
		p, ok := rankOf[h.Parent]
		if !ok || p >= len(parent) {
			return fmt.Errorf("Config file [bootstrap] hosts: invalid parent \"%s\" for %s (rank %d)", h.Parent, h.Name, rank)
		}
		for a := p; a != NoParent; a = parent[a] {
			if a == rank {
				return fmt.Errorf("Config file [bootstrap] hosts: parent \"%s\" for %s (rank %d) violates rule against cycles", h.Parent, h.Name, rank)
			}
		}
		parent[rank] = p
	}
	return nil
}

// index computes what is asked for often. A child may have a lower rank than
// its parent in a custom tree, so the counts are summed from each rank upwards.
func index(parent []int) *Topology {
	t := &Topology{parent: parent, children: make([][]uint32, len(parent)), below: make([]int, len(parent))}
	for rank, p := range parent {
		if p != NoParent {
			t.children[p] = append(t.children[p], uint32(rank))
		}
		for ; p != NoParent; p = parent[p] {
			t.below[p]++
		}
	}
	return t
}

// Size is the number of ranks.
func (t *Topology) Size() int { return len(t.parent) }

// Parent returns a rank's parent; false for rank 0.
func (t *Topology) Parent(rank uint32) (uint32, bool) {
	p := t.parent[rank]
	return uint32(p), p != NoParent
}

// Children returns a rank's children in ascending order.
func (t *Topology) Children(rank uint32) []uint32 { return t.children[rank] }

// Descendants is the number of ranks below rank.
func (t *Topology) Descendants(rank uint32) int { return t.below[rank] }

// Level is the number of hops from rank 0.
func (t *Topology) Level(rank uint32) int {
	level := 0
	for p := t.parent[rank]; p != NoParent; p = t.parent[p] {
		level++
	}
	return level
}

// MaxLevel is the greatest level of any rank.
func (t *Topology) MaxLevel() int {
	most := 0
	for rank := range t.parent {
		if len(t.children[rank]) == 0 {
			most = max(most, t.Level(uint32(rank)))
		}
	}
	return most
}

// NextHop returns the child of rank at that leads to rank to; false when to is
// not below at, or there is no such rank.
func (t *Topology) NextHop(at, to uint32) (uint32, bool) {
	if int64(to) >= int64(len(t.parent)) {
		return 0, false
	}
	for p := t.parent[to]; p != NoParent; p = t.parent[p] {
		if uint32(p) == at {
			return to, true
		}
		to = uint32(p)
	}
	return 0, false
}

// Internal returns the ranks that have children.
func (t *Topology) Internal() *idset.Set {
	s := idset.New()
	for rank, c := range t.children {
		if len(c) > 0 {
			s.Add(uint32(rank))
		}
	}
	return s
}

// Subtree is a rank with all that is below it: the answer to overlay.topology.
type Subtree struct {
	Rank     uint32     `json:"rank"`
	Size     int        `json:"size"`
	Children []*Subtree `json:"children"`
}

// Subtree returns the tree below rank.
func (t *Topology) Subtree(rank uint32) *Subtree {
	s := &Subtree{Rank: rank, Size: t.below[rank] + 1, Children: []*Subtree{}}
	for _, c := range t.children[rank] {
		s.Children = append(s.Children, t.Subtree(c))
	}
	return s
}

// SubtreeRanks returns rank and all ranks below it.
func (t *Topology) SubtreeRanks(rank uint32) *idset.Set {
	s := idset.New(rank)
	for _, c := range t.children[rank] {
		s.AddSet(t.SubtreeRanks(c))
	}
	return s
}
