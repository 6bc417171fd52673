// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"os"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"goflux/hostlist"
	"goflux/idset"
	"goflux/internal/message"
	"goflux/internal/sys/topology"
	"goflux/rset"
)

type encodeOptions struct {
	ranks, cores, gpus, hosts, xml string
	properties                     []string
	local                          bool
}

func (a *app) rEncode() *cobra.Command {
	var o encodeOptions
	cmd := &cobra.Command{
		Use:   "encode",
		Short: "make an object of options",
		Args:  a.operands(0, 0),
		RunE: func(*cobra.Command, []string) error {
			r, err := encodeR(o)
			if err == nil {
				fmt.Fprintln(a.out, r)
			}
			return err
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&o.ranks, "ranks", "r", "", "The ranks (`IDSET`); by default as many as there are hosts, or one")
	fs.StringVarP(&o.cores, "cores", "c", "", "The cores of each rank (`IDS`); core 0 if no GPUs are given")
	fs.StringVarP(&o.gpus, "gpus", "g", "", "The GPUs of each rank (`IDS`)")
	fs.StringVarP(&o.hosts, "hosts", "H", "", "The ranks' `HOSTS`; by default this one")
	fs.StringArrayVarP(&o.properties, "property", "p", nil, "Give a property to all ranks or some (`NAME[:RANKS]`)")
	fs.BoolVarP(&o.local, "local", "l", false, "Take cores and GPUs of this machine")
	fs.StringVarP(&o.xml, "xml", "f", "", "Take cores and GPUs of a topology in hwloc's form (`FILE`)")
	return cmd
}

func encodeR(o encodeOptions) (*rset.R, error) {
	if (o.cores != "" || o.gpus != "") && (o.local || o.xml != "") {
		return nil, fail("do not specify --cores or --gpus with --local or --xml")
	}
	ranks, hosts, err := ranksAndHosts(o)
	if err != nil {
		return nil, err
	}
	cores, gpus, err := childResources(o)
	if err != nil {
		return nil, err
	}
	var entries []rset.Entry
	for rank := range ranks.All() {
		host, _ := hosts.At(len(entries))
		entries = append(entries, rset.Entry{Rank: rank, Host: host, Cores: cores.Clone(), GPUs: gpus.Clone()})
	}
	r := rset.Build(entries)
	return r, setProperties(r, o.properties)
}

func ranksAndHosts(o encodeOptions) (*idset.Set, *hostlist.List, error) {
	hosts, err := hostlist.Parse(o.hosts)
	if err != nil {
		return nil, nil, fail("invalid hostlist '%s'", o.hosts)
	}
	n := max(1, hosts.Len())
	ranks := idset.FromRange(0, uint32(n-1))
	if o.ranks != "" {
		if ranks, err = idset.Parse(o.ranks); err != nil {
			return nil, nil, fail("Failed to decode ranks='%s' as idset", o.ranks)
		}
		if n = ranks.Len(); n > rset.MaxRanks {
			return nil, nil, fail("more than %d ranks", rset.MaxRanks)
		}
	}
	if o.hosts != "" {
		if hosts.Len() != n {
			return nil, nil, fail("hostname count in '%s' does not match nranks (%d)", o.hosts, n)
		}
		return ranks, hosts, nil
	}
	here, err := os.Hostname()
	if err != nil {
		return nil, nil, fail("gethostname: %v", err)
	}
	for range n {
		if err := hosts.Append(here); err != nil {
			return nil, nil, err
		}
	}
	return ranks, hosts, nil
}

// childResources are the cores and GPUs that every rank gets.
func childResources(o encodeOptions) (cores, gpus *idset.Set, err error) {
	switch {
	case o.xml != "":
		text, err := os.ReadFile(o.xml)
		if err != nil {
			return nil, nil, fail("%s: %v", o.xml, err)
		}
		m, err := topology.ParseXML(text)
		if err != nil {
			return nil, nil, fail("%s: %v", o.xml, err)
		}
		return m.CoreIDs(), m.GPUIDs(), nil
	case o.local:
		m, err := topology.Local(true)
		if err != nil {
			return nil, nil, err
		}
		return m.CoreIDs(), m.GPUIDs(), nil
	case o.cores == "" && o.gpus == "":
		o.cores = "0"
	}
	if cores, err = idset.Parse(o.cores); err != nil {
		return nil, nil, fail("cores: %v", err)
	}
	if gpus, err = idset.Parse(o.gpus); err != nil {
		return nil, nil, fail("gpus: %v", err)
	}
	return cores, gpus, nil
}

// rFromEntries makes R of a resource.config array; a key that is not known is
// a mistake.
func rFromEntries(v any) (*rset.R, error) {
	text, err := message.Marshal(v)
	if err != nil {
		return nil, err
	}
	var entries []rset.ConfigEntry
	if err := json.Unmarshal(text, &entries, json.RejectUnknownMembers(true)); err != nil {
		return nil, err
	}
	return rset.FromConfig(entries)
}
