// SPDX-License-Identifier: LGPL-3.0-or-later

package rset

import (
	"slices"
	"syscall"

	"goflux/hostlist"
	"goflux/idset"
)

// Nodelist returns the hosts in the order of ranks. The list belongs to r; it
// is nil if r does not name hosts.
func (r *R) Nodelist() *hostlist.List { return r.hosts }

// Host returns the host of a rank, "" if unknown.
func (r *R) Host(rank uint32) string {
	if !r.ranks.Contains(rank) {
		return ""
	}
	host, _ := r.hosts.At(position(r.ranks, rank))
	return host
}

// position counts the ids in set below id.
func position(set *idset.Set, id uint32) int {
	n := 0
	for run := range set.Ranges() {
		if run.Lo >= id {
			break
		}
		n += int(min(run.Hi, id-1)-run.Lo) + 1
	}
	return n
}

// positions maps ids of sub, a subset of set, to their places in set. Its cost
// is in the number of runs.
func positions(set, sub *idset.Set) *idset.Set {
	runs := slices.Collect(set.Ranges())
	out := idset.New()
	before := uint32(0) // ids in the runs passed
	for part := range sub.Ranges() {
		for runs[0].Hi < part.Lo {
			before += uint32(runs[0].Len())
			runs = runs[1:]
		}
		out.AddRange(before+part.Lo-runs[0].Lo, before+part.Hi-runs[0].Lo)
	}
	return out
}

// hostsOf returns the hosts of ranks, which are all in r.
func (r *R) hostsOf(ranks *idset.Set) *hostlist.List {
	if r.hosts == nil || ranks.Equal(r.ranks) {
		return r.hosts
	}
	list, err := r.hosts.Subset(positions(r.ranks, ranks))
	if err != nil {
		panic("rset: fewer hosts than ranks: " + err.Error())
	}
	return list
}

// RankHosts returns the host of every rank; it is empty if r does not name
// hosts.
func (r *R) RankHosts() map[uint32]string {
	out := make(map[uint32]string, r.NNodes())
	for n := range r.Nodes() {
		if n.host != "" {
			out[n.rank] = n.host
		}
	}
	return out
}

// HostRanks returns the ranks of every host. Several brokers may share one.
func (r *R) HostRanks() map[string]*idset.Set {
	out := make(map[string]*idset.Set, r.NNodes())
	for n := range r.Nodes() {
		if n.host == "" {
			continue
		}
		if out[n.host] == nil {
			out[n.host] = idset.New()
		}
		out[n.host].Add(n.rank)
	}
	return out
}

// RanksOf returns the ranks of all hosts listed. Hosts that are not in r are
// an error that wraps ENOENT.
func (r *R) RanksOf(hosts *hostlist.List) (*idset.Set, error) {
	known := r.HostRanks()
	out, missing := idset.New(), &hostlist.List{}
	for host := range hosts.All() {
		ranks := known[host]
		if ranks == nil {
			// It came from a list, so it is a name.
			one, _ := hostlist.New(host)
			missing.AppendList(one)
			continue
		}
		out.AddSet(ranks)
	}
	if !missing.Empty() {
		return nil, errorf("", "invalid hosts: %s", missing).with(syscall.ENOENT)
	}
	return out, nil
}

// SetHosts names the hosts, one for each rank in ascending order.
func (r *R) SetHosts(hosts *hostlist.List) error {
	if hosts.Len() != r.NNodes() {
		return errorf("", "%d hosts cannot name %d ranks", hosts.Len(), r.NNodes())
	}
	r.hosts = hosts.Clone()
	return nil
}
