// SPDX-License-Identifier: LGPL-3.0-or-later

package rset

import (
	"syscall"

	"goflux/hostlist"
	"goflux/idset"
)

// Rerank returns r with the ranks of its hosts changed to their places in
// hosts, as a new instance counts them: the first host is rank 0. hosts must
// name exactly the hosts of r; errors wrap EOVERFLOW (too many), ENOSPC (too
// few) or ENOENT (one is not in r).
func (r *R) Rerank(hosts *hostlist.List) (*R, error) {
	switch n := hosts.Len(); {
	case n > r.NNodes():
		return nil, errorf("", "Number of hosts (%d) is greater than node count (%d)", n, r.NNodes()).with(syscall.EOVERFLOW)
	case n < r.NNodes():
		return nil, errorf("", "Number of hosts (%d) is less than node count (%d)", n, r.NNodes()).with(syscall.ENOSPC)
	}
	oldRanks := r.HostRanks()
	newRank := make(map[uint32]uint32, r.NNodes())
	rank := uint32(0)
	for host := range hosts.All() {
		// Where a host has several ranks they keep their order.
		old, ok := oldRanks[host].First()
		if !ok {
			return nil, errorf("", "Host %s not found in resources", host).with(syscall.ENOENT)
		}
		oldRanks[host].Remove(old)
		newRank[old] = rank
		rank++
	}
	return r.renumber(newRank, false), nil
}

// Remap returns r with ranks and, on each, cores renumbered from 0 without
// gaps, as a new instance counts them. GPU ids stay: they name devices.
func (r *R) Remap() *R {
	newRank := make(map[uint32]uint32, r.NNodes())
	for old := range r.ranks.All() {
		newRank[old] = uint32(len(newRank))
	}
	return r.renumber(newRank, true)
}

func (r *R) renumber(newRank map[uint32]uint32, zeroCores bool) *R {
	entries := make([]Entry, 0, len(newRank))
	zero := map[*idset.Set]*idset.Set{}
	for n := range r.Nodes() {
		cores := n.cores
		if zeroCores {
			if zero[cores] == nil {
				zero[cores] = fromZero(cores)
			}
			cores = zero[cores]
		}
		entries = append(entries, Entry{newRank[n.rank], n.host, cores, n.gpus})
	}
	out := Build(entries)
	out.StartTime, out.Expiration, out.NSlots = r.StartTime, r.Expiration, r.NSlots
	out.Scheduling = r.Scheduling.Clone()
	for name, old := range r.props {
		ranks := idset.New()
		for rank := range old.All() {
			ranks.Add(newRank[rank])
		}
		out.setProp(name, ranks)
	}
	return out
}

// fromZero returns as many ids as set has, from 0 on.
func fromZero(set *idset.Set) *idset.Set {
	if set.Empty() {
		return idset.New()
	}
	return idset.FromRange(0, uint32(set.Len()-1))
}
