// SPDX-License-Identifier: LGPL-3.0-or-later

package rset

import (
	"goflux/hostlist"
	"goflux/idset"
)

// ConfigEntry is one entry of [[resource.config]] (flux-config-resource(5)).
type ConfigEntry struct {
	Hosts      string   `toml:"hosts" json:"hosts"`
	Cores      string   `toml:"cores,omitempty" json:"cores,omitempty"`
	GPUs       string   `toml:"gpus,omitempty" json:"gpus,omitempty"`
	Properties []string `toml:"properties,omitempty" json:"properties,omitempty"`
}

// FromConfig makes a resource set of config entries. Ranks are given to hosts
// in the order they first occur; an entry adds to what a host already has.
func FromConfig(entries []ConfigEntry) (*R, error) {
	c := configBuilder{rankOf: map[string]uint32{}, props: map[string]*idset.Set{}}
	for i, e := range entries {
		if err := c.add(i, e); err != nil {
			return nil, err
		}
	}
	if len(c.nodes) == 0 {
		return nil, errorf("", "no hosts configured")
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	r := Build(c.nodes)
	for name, ranks := range c.props {
		if err := r.SetProperty(name, ranks); err != nil {
			return nil, err
		}
	}
	return r, nil
}

type configBuilder struct {
	rankOf map[string]uint32
	nodes  []Entry // by rank
	props  map[string]*idset.Set
}

func (c *configBuilder) add(i int, e ConfigEntry) error {
	hosts, err := hostlist.Parse(e.Hosts)
	if err != nil {
		return errorf("", "config[%d]: invalid hostlist '%.64s'", i, e.Hosts)
	}
	if hosts.Empty() {
		return errorf("", "config[%d]: empty hostlist specified", i)
	}
	cores, err := idset.Parse(e.Cores)
	if err != nil {
		return errorf("", "config[%d]: invalid idset cores='%.64s'", i, e.Cores)
	}
	gpus, err := idset.Parse(e.GPUs)
	if err != nil {
		return errorf("", "config[%d]: invalid idset gpus='%.64s'", i, e.GPUs)
	}
	for _, p := range e.Properties {
		if checkProperty(p) != nil {
			return errorf("", "config[%d]: invalid property \"%s\"", i, p)
		}
	}
	ranks := idset.New()
	// Hosts that were equal stay so, and share their sets.
	type pair struct{ cores, gpus *idset.Set }
	united := map[pair]pair{}
	if len(c.nodes) == 0 { // every broker of a cluster reads this when it starts
		n := min(hosts.Len(), MaxRanks)
		c.rankOf, c.nodes = make(map[string]uint32, n), make([]Entry, 0, n)
	}
	for host := range hosts.All() {
		rank, ok := c.rankOf[host]
		if !ok {
			if len(c.nodes) == MaxRanks {
				return errorf("", "config[%d]: more than %d hosts", i, MaxRanks)
			}
			rank = uint32(len(c.nodes))
			c.rankOf[host] = rank
			c.nodes = append(c.nodes, Entry{Rank: rank, Host: host})
		}
		ranks.Add(rank)
		n := &c.nodes[rank]
		before := pair{n.Cores, n.GPUs}
		after, ok := united[before]
		if !ok {
			after = pair{n.Cores.Union(cores), n.GPUs.Union(gpus)}
			united[before] = after
		}
		n.Cores, n.GPUs = after.cores, after.gpus
	}
	for _, p := range e.Properties {
		c.props[p] = c.props[p].Union(ranks)
	}
	return nil
}

// check refuses hosts without resources.
func (c *configBuilder) check() error {
	empty := &hostlist.List{}
	for _, n := range c.nodes {
		if n.Cores.Empty() && n.GPUs.Empty() {
			one, _ := hostlist.New(n.Host) // it came from a list
			empty.AppendList(one)
		}
	}
	if !empty.Empty() {
		return errorf("", "resource.config: %s assigned no resources", empty)
	}
	return nil
}
