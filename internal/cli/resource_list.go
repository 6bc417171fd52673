// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/idset"
	"goflux/internal/cli/outfmt"
	"goflux/internal/rpc"
	"goflux/rset"
)

var listFormats = []outfmt.Named{
	{Name: "default", Description: "Default flux-resource list format string",
		Format: "{state:>10} ?+:{queue:<5} ?:{propertiesx:<10.10+} {nnodes:>6} +:{ncores:>6} ?+:{ngpus:>5} {nodelist}"},
	{Name: "rlist", Description: "Format including resource list details",
		Format: "{state:>10} ?+:{queue:<5} ?:{propertiesx:<10.10+} {nnodes:>6} +:{ncores:>6} +{ngpus:>5} {rlist}"},
}

// listHeadings are the fields and their columns' headings.
func listHeadings() map[string]string {
	return map[string]string{
		"state": "STATE", "queue": "QUEUE", "properties": "PROPERTIES", "propertiesx": "PROPERTIES", "nnodes": "NNODES",
		"ncores": "NCORES", "ngpus": "NGPUS", "ranks": "RANKS", "nodelist": "NODELIST", "rlist": "LIST",
	}
}

// schedStates are what --states of flux resource list knows.
var schedStates = []string{"up", "down", "allocated", "free", "all"}

func (a *app) resourceList() *cobra.Command {
	var v resourceView
	cmd := &cobra.Command{Use: "list", Short: "show resources as the scheduler sees them", Args: a.operands(0, 0)}
	v.formatFlags(cmd)
	v.stateFlags(cmd, "free,allocated,down")
	v.flags(cmd)
	fs := cmd.Flags()
	fs.BoolVar(&v.skipEmpty, "skip-empty", false, "Leave out lines without resources, as with --include")
	fs.BoolVar(&v.noSkipEmpty, "no-skip-empty", false, "Print lines without resources, even with --include")
	cmd.RunE = func(*cobra.Command, []string) error { return a.listResources(v) }
	return cmd
}

func (a *app) resourceInfo() *cobra.Command {
	var v resourceView
	cmd := &cobra.Command{Use: "info", Short: "print how many resources there are", Args: a.operands(0, 0)}
	v.stateFlags(cmd, "all")
	v.flags(cmd)
	fs := cmd.Flags()
	fs.BoolVar(&v.skipEmpty, "skip-empty", false, "")
	fs.BoolVar(&v.noSkipEmpty, "no-skip-empty", false, "")
	_ = fs.MarkHidden("skip-empty")
	_ = fs.MarkHidden("no-skip-empty")
	cmd.RunE = func(*cobra.Command, []string) error {
		v.noHeader, v.format = true, "{nnodes} Nodes, {ncores} Cores, {ngpus} GPUs"
		return a.listResources(v)
	}
	return cmd
}

func (a *app) resourceR() *cobra.Command {
	var v resourceView
	cmd := &cobra.Command{Use: "R", Short: "print resources as R (RFC 20)", Args: a.operands(0, 0)}
	v.stateFlags(cmd, "all")
	v.flags(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		s, states, _, err := a.fetchSched(v)
		if err != nil {
			return err
		}
		all := s.in("all")
		r := rset.New()
		for _, state := range states {
			r = r.Union(s.in(state))
		}
		r.StartTime, r.Expiration = all.StartTime, all.Expiration
		fmt.Fprintln(a.out, r)
		return nil
	}
	return cmd
}

// schedStatus asks what the scheduler knows: the resource service, or where
// that cannot tell, the scheduler itself.
func (a *app) schedStatus(h *flux.Client) (rpc.SchedStatus, error) {
	topic := os.Getenv("FLUX_RESOURCE_LIST_RPC")
	if topic == "" {
		topic = "resource.sched-status"
	}
	var s rpc.SchedStatus
	err := h.RPC(a.ctx, topic, 0, nil, &s)
	if errors.Is(err, syscall.ENOSYS) {
		err = h.RPC(a.ctx, "sched.resource-status", 0, nil, &s)
	}
	return s, err
}

// schedResources are the resources in each state.
type schedResources map[string]*rset.R

// in are the resources in a state.
func (s schedResources) in(state string) *rset.R { return s[state] }

// newSchedResources computes the states of the ranks in limit, nil for all.
func newSchedResources(status rpc.SchedStatus, limit *idset.Set) schedResources {
	get := func(r *rset.R) *rset.R {
		switch {
		case r == nil:
			return rset.New()
		case limit != nil:
			return r.Subset(limit)
		}
		return r
	}
	s := schedResources{"all": get(status.All), "down": get(status.Down), "allocated": get(status.Allocated)}
	s["up"] = s["all"].Subtract(s["down"])
	s["free"] = s["up"].Subtract(s["allocated"])
	return s
}

// fetchSched is what a view shows of the scheduler's resources.
func (a *app) fetchSched(v resourceView) (schedResources, []string, queueConfigs, error) {
	states, err := a.parseStates(v.states, schedStates)
	if err != nil {
		return nil, nil, nil, err
	}
	var status rpc.SchedStatus
	if v.fromStdin {
		err = a.readJSON(&status)
	} else {
		var h *flux.Client
		if h, err = a.open(); err == nil {
			status, err = a.schedStatus(h)
		}
	}
	if err != nil {
		return nil, nil, nil, err
	}
	queues, err := a.viewConfig(v)
	if err != nil {
		return nil, nil, nil, err
	}
	all := status.All
	if all == nil {
		all = rset.New()
	}
	limit, err := v.restriction(all, queues)
	if err != nil {
		return nil, nil, nil, err
	}
	return newSchedResources(status, limit), states, queues, nil
}

// resourceLine is a line of flux resource list.
type resourceLine struct {
	state  string
	r      *rset.R
	queues queueConfigs
	shown  func(queueConfig) bool // whether a queue may be named
	queue  *string                // of an empty set, whose queue nothing tells
}

// Field implements outfmt.Item.
func (l *resourceLine) Field(name string) any {
	switch name {
	case "state":
		return l.state
	case "queue":
		return l.queueNames()
	case "properties":
		return strings.Join(l.r.Properties(), ",")
	case "propertiesx":
		return l.otherProperties()
	case "nnodes":
		return l.r.NNodes()
	case "ncores":
		return l.r.NCores()
	case "ngpus":
		return l.r.NGPUs()
	case "ranks":
		return l.r.Ranks().String()
	case "nodelist":
		return l.r.Nodelist().String()
	}
	return l.r.Summary()
}

// otherProperties are the properties that are not the names of queues.
func (l *resourceLine) otherProperties() string {
	names := slices.DeleteFunc(slices.Clone(l.r.Properties()), func(p string) bool {
		_, isQueue := l.queues.find(p)
		return isQueue
	})
	return strings.Join(names, ",")
}

// queueNames are the queues whose nodes these are.
func (l *resourceLine) queueNames() string {
	if l.queue != nil {
		return *l.queue
	}
	if l.r.Empty() {
		return ""
	}
	var names []string
	properties := l.r.Properties()
	for _, q := range l.queues {
		requires, err := l.queues.requires(q)
		if err != nil || !l.shown(q) {
			continue
		}
		missing := func(p string) bool { return !slices.Contains(properties, p) }
		if !slices.ContainsFunc(requires, missing) {
			names = append(names, q.name)
		}
	}
	return strings.Join(names, ",")
}

// first is the line's first rank, for sorting; empty lines come last.
func (l *resourceLine) first() uint64 {
	if id, ok := l.r.Ranks().First(); ok {
		return uint64(id)
	}
	return math.MaxUint64
}

func (a *app) listResources(v resourceView) error {
	set := resourceFormats("list", listFormats)
	f, done, err := a.chooseFormat(v, set, listHeadings())
	if err != nil || done {
		return err
	}
	hidden, err := set.Strings("hidden-queues")
	if err != nil {
		return err
	}
	s, states, queues, err := a.fetchSched(v)
	if err != nil {
		return err
	}
	shown := func(q queueConfig) bool {
		if len(v.queues) > 0 {
			return slices.Contains(v.queues, q.name)
		}
		return !slices.Contains(hidden, q.name) && q.Parent == ""
	}
	lines, err := resourceLines(f, s, states, queues, shown)
	if err != nil {
		return err
	}
	if v.skipEmpty || v.include != "" && !v.noSkipEmpty {
		lines = slices.DeleteFunc(lines, func(l *resourceLine) bool { return l.r.Empty() })
	}
	return outfmt.Print(f, a.out, lines, outfmt.Options{NoHeader: v.noHeader})
}

// resourceLines are the lines that differ in the format's fields other than
// counts and names, by state and first rank.
func resourceLines(f *outfmt.Format, s schedResources, states []string, queues queueConfigs, shown func(queueConfig) bool) ([]*resourceLine, error) {
	key, err := outfmt.Parse(lineKey(f), listHeadings())
	if err != nil {
		return nil, err
	}
	var lines []*resourceLine
	for _, state := range states {
		lines = append(lines, splitByProperties(state, s.in(state), queues, shown)...)
	}
	lines, err = outfmt.Merge(key, lines, nil, func(into, from *resourceLine) {
		if !from.r.Empty() {
			into.r, into.queue = into.r.Union(from.r), nil
		}
	})
	slices.SortStableFunc(lines, func(x, y *resourceLine) int {
		return cmp.Or(cmp.Compare(slices.Index(states, x.state), slices.Index(states, y.state)), cmp.Compare(x.first(), y.first()))
	})
	return lines, err
}

// lineKey is a format of the fields that keep lines apart. One field that is
// not the state is shown in a single line.
func lineKey(f *outfmt.Format) string {
	key := ""
	if len(f.Fields()) == 1 && !f.Has("state") {
		return key
	}
	for _, field := range []string{"state", "properties", "propertiesx", "queue"} {
		if slices.Contains(f.Fields(), field) {
			key += "{" + field + "}:"
		}
	}
	return key
}

// splitByProperties makes a line of the nodes that have the same properties;
// of a state without nodes, a line for each queue.
func splitByProperties(state string, r *rset.R, queues queueConfigs, shown func(queueConfig) bool) []*resourceLine {
	var lines []*resourceLine
	if r.Empty() {
		for _, q := range queues {
			if shown(q) {
				lines = append(lines, &resourceLine{state, r, queues, shown, &q.name})
			}
		}
		if lines == nil {
			lines = []*resourceLine{{state, r, queues, shown, nil}}
		}
		return lines
	}
	groups := map[string]*idset.Set{}
	properties := r.Properties()
	for n := range r.Nodes() {
		var key strings.Builder
		for _, p := range properties {
			if n.HasProperty(p) {
				key.WriteString(p + "\n")
			}
		}
		if groups[key.String()] == nil {
			groups[key.String()] = idset.New()
		}
		groups[key.String()].Add(n.Rank())
	}
	for _, ranks := range groups {
		lines = append(lines, &resourceLine{state, r.Subset(ranks), queues, shown, nil})
	}
	slices.SortFunc(lines, func(x, y *resourceLine) int { return cmp.Compare(x.first(), y.first()) })
	return lines
}
