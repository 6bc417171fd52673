// SPDX-License-Identifier: LGPL-3.0-or-later

package resource

import (
	"context"
	"strings"
	"syscall"

	"goflux/flux"
	"goflux/internal/message"
	"goflux/internal/service"
	"goflux/internal/sys/topology"
	"goflux/rset"
)

// node tells what this node has. Its methods may block.
type node interface {
	// Local reads the system; with restrict what this process may use of it.
	Local(restrict bool) (*found, error)
	// Parse reads a description in hwloc's XML form (resource.topo-get) of
	// this node, or with restrict the part that this process may use.
	Parse(xml []byte, restrict bool) (*found, error)
}

// found is a node's topology, as hwloc's XML and as what it can offer.
type found struct {
	XML []byte
	topology.Inventory
}

// onRank is R of what was found, as that of a rank.
func (f *found) onRank(rank uint32) *rset.R {
	return rset.Build([]rset.Entry{{Rank: rank, Host: f.Hostname, Cores: f.Cores, GPUs: f.GPUs}})
}

// system is the node this process runs on.
type system struct{}

func (system) Local(restrict bool) (*found, error) {
	m, err := topology.Local(restrict)
	if err != nil {
		return nil, err
	}
	return &found{m.XML(), m.Inventory()}, nil
}

func (system) Parse(xml []byte, restrict bool) (*found, error) {
	m, err := topology.ParseXML(xml)
	if err != nil {
		return nil, err
	}
	if restrict {
		cpus, err := topology.Affinity()
		if err != nil {
			return nil, err
		}
		m = m.Restrict(cpus)
		xml = m.XML()
	}
	return &found{xml, m.Inventory()}, nil
}

// given is a node that has what it was told to have.
type given struct{ has topology.Inventory }

func (g given) Local(bool) (*found, error) { return &found{[]byte("<topology/>"), g.has}, nil }

func (g given) Parse([]byte, bool) (*found, error) { return g.Local(false) }

// parent returns the address of the enclosing instance and the job that this
// instance is in it.
func parent(h service.Host) (uri, jobid string, ok bool) {
	uri, ok = h.Attr("parent-uri")
	if !ok {
		return "", "", false
	}
	jobid, ok = h.Attr("jobid")
	return uri, jobid, ok
}

// discover finds what this node has and calls fn on the loop. In a job the
// enclosing instance's broker is asked first: it knows already.
func discover(h service.Host, n node, opt *options, fn func(*found, error)) {
	uri, _, nested := parent(h)
	nested = nested && !opt.rediscover
	var f *found
	var err error
	h.Go(func(ctx context.Context) {
		if nested {
			if f, err = fromParent(ctx, uri, n, opt); err == nil {
				return
			}
			h.Log().Debug("resource.topo-get to parent failed", "err", err)
		}
		f, err = n.Local(!opt.norestrict)
	}, func() { fn(f, err) })
}

func fromParent(ctx context.Context, uri string, n node, opt *options) (*found, error) {
	c, err := flux.Open(ctx, uri)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	call, err := c.Go("resource.topo-get", flux.NodeAny, nil)
	if err != nil {
		return nil, err
	}
	m, err := call.Message(ctx)
	if err != nil {
		return nil, err
	}
	if err := m.Err(); err != nil {
		return nil, err
	}
	return n.Parse([]byte(strings.TrimSuffix(string(m.Payload()), "\x00")), !opt.norestrict)
}

// topoGet answers resource.topo-get: XML, not JSON.
func topoGet(c *service.Call, f *found) {
	if f == nil {
		c.Fail(message.Errorf(syscall.EAGAIN, "the topology is not known yet"))
		return
	}
	c.Respond(append(f.XML[:len(f.XML):len(f.XML)], 0))
}
