// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"slices"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/hostlist"
	"goflux/idset"
	"goflux/internal/cli/outfmt"
	"goflux/internal/rpc"
	"goflux/rset"
)

var statusFormats = []outfmt.Named{
	{Name: "default", Description: "Default flux-resource status format string",
		Format: "{state:>12} {color_up}{up:>2}{color_off} {nnodes:>6} {nodelist}"},
	{Name: "long", Description: "Long flux-resource status format string",
		Format: "{state:>12} {color_up}{up:>2}{color_off} {nnodes:>6} +:{reason:<30.30} {nodelist}"},
}

var drainFormats = []outfmt.Named{
	{Name: "long", Description: "Long flux-resource drain format string",
		Format: "{timestamp!d:%b%d %R::<12} {state:<8.8} {ranks:<8.8+} +:{reason:<30.30} {nodelist}"},
	{Name: "default", Description: "Default flux-resource drain format string",
		Format: "{timestamp!d:%b%d %R::<12} {state:<8.8} {reason:<30.30+} {nodelist}"},
}

// statusHeadings are the fields and their columns' headings.
func statusHeadings() map[string]string {
	return map[string]string{
		"state": "STATE", "statex": "STATE", "nnodes": "NNODES", "ranks": "RANKS", "nodelist": "NODELIST",
		"reason": "REASON", "timestamp": "TIME", "status": "STATUS", "up": "UP", "up.ascii": "UP",
		"color_up": "", "color_off": "",
	}
}

// statusStates are what --states of flux resource status knows.
var statusStates = []string{
	"all", "online", "avail", "offline", "exclude", "drain", "draining", "drained", "torpid", "allocated", "housekeeping",
}

// defaultStatusStates are shown without --states.
const defaultStatusStates = "avail,exclude,draining,drained,torpid,housekeeping"

func (a *app) resourceStatus() *cobra.Command {
	var v resourceView
	cmd := &cobra.Command{Use: "status", Short: "show resources as the administrator sees them", Args: a.operands(0, 0)}
	v.formatFlags(cmd)
	v.stateFlags(cmd, "")
	v.flags(cmd)
	when := colorFlag(cmd, "L")
	cmd.Flags().BoolVar(&v.skipEmpty, "skip-empty", false, "Leave out lines without nodes, even with --states")
	cmd.RunE = func(*cobra.Command, []string) error {
		return a.showStatus(v, resourceFormats("status", statusFormats), *when)
	}
	return cmd
}

// nodeStatus is the ranks in each state.
type nodeStatus struct {
	r               *rset.R
	online, offline *idset.Set
	sets            map[string]*idset.Set
	drains          map[uint32]rpc.ResourceDrained
}

// statusInput is what the services know.
type statusInput struct {
	status                  rpc.ResourceStatus
	allocated, housekeeping *idset.Set
}

// fetchStatus asks the services, or reads the first one's answer from standard
// input. Without scheduler or job manager nothing is known of jobs.
func (a *app) fetchStatus(v resourceView) (statusInput, error) {
	in := statusInput{allocated: idset.New(), housekeeping: idset.New()}
	if v.fromStdin {
		return in, a.readJSON(&in.status)
	}
	h, err := a.open()
	if err != nil {
		return in, err
	}
	status, err := h.Go("resource.status", 0, nil)
	if err != nil {
		return in, err
	}
	stats, err := h.Go("job-manager.stats-get", 0, nil)
	if err != nil {
		return in, err
	}
	if sched, err := a.schedStatus(h); err == nil && sched.Allocated != nil {
		in.allocated = sched.Allocated.Ranks()
	}
	in.housekeeping = a.housekeepingRanks(stats)
	return in, status.Get(a.ctx, &in.status)
}

// housekeepingRanks are the ranks that jobs' housekeeping runs on.
func (a *app) housekeepingRanks(stats *flux.Call) *idset.Set {
	ranks := idset.New()
	var resp struct {
		Housekeeping struct {
			Running map[string]struct {
				Allocated string `json:"allocated"`
			} `json:"running"`
		} `json:"housekeeping"`
	}
	if stats.Get(a.ctx, &resp) != nil {
		return ranks
	}
	for _, job := range resp.Housekeeping.Running {
		if ids, err := idset.Parse(job.Allocated); err == nil {
			ranks.AddSet(ids)
		}
	}
	return ranks
}

// newNodeStatus computes the states of the ranks in limit, nil for all.
func newNodeStatus(in statusInput, limit *idset.Set) (*nodeStatus, error) {
	s := &nodeStatus{r: in.status.R, sets: map[string]*idset.Set{}, drains: map[uint32]rpc.ResourceDrained{}}
	if s.r == nil {
		s.r = rset.New()
	}
	var firstErr error
	parse := func(text string) *idset.Set {
		ids, err := idset.Parse(text)
		if err != nil && firstErr == nil {
			firstErr = fail("resource.status: %v", err)
		}
		return limited(ids, limit)
	}
	s.online, s.offline = parse(in.status.Online), parse(in.status.Offline)
	exclude, torpid := parse(in.status.Exclude), parse(in.status.Torpid)
	allocated := limited(in.allocated, limit)
	all := idset.New()
	for text, d := range in.status.Drain {
		ids := parse(text)
		all.AddSet(ids)
		for rank := range ids.All() {
			s.drains[rank] = d
		}
	}
	draining := all.Intersect(allocated)
	avail := limited(s.r.Ranks(), limit).Subtract(exclude).Subtract(all).Subtract(torpid)
	s.sets = map[string]*idset.Set{
		"avail": avail, "exclude": exclude, "allocated": allocated, "torpid": torpid,
		"housekeeping": in.housekeeping, "draining": draining, "drained": all.Subtract(draining),
	}
	return s, firstErr
}

// limited is a copy of ids, or the part of it in limit.
func limited(ids, limit *idset.Set) *idset.Set {
	if limit == nil {
		return ids.Clone()
	}
	return ids.Intersect(limit)
}

// statusLine is a line of flux resource status or drain.
type statusLine struct {
	state  string
	online bool
	ranks  *idset.Set
	hosts  *hostlist.List
	drain  *rpc.ResourceDrained
}

// Field implements outfmt.Item.
func (l *statusLine) Field(name string) any {
	pick := func(online, offline string) string {
		if l.online {
			return online
		}
		return offline
	}
	switch name {
	case "state":
		return l.state + pick("", "*")
	case "statex":
		return l.state
	case "nnodes":
		return l.hosts.Len()
	case "ranks":
		return l.ranks.String()
	case "nodelist":
		return l.hosts.String()
	case "status":
		return pick("online", "offline")
	case "up":
		return pick("✔", "✗")
	case "up.ascii":
		return pick("y", "n")
	case "color_up":
		return pick("\x1b[01;32m", "\x1b[01;31m")
	case "color_off":
		return "\x1b[0;0m"
	}
	if l.drain == nil {
		return nil
	}
	if name == "timestamp" {
		return l.drain.Timestamp
	}
	return l.drain.Reason
}

func (l *statusLine) merge(o *statusLine) {
	l.ranks.AddSet(o.ranks)
	l.hosts.AppendList(o.hosts)
	l.hosts.Sort()
}

// chosenStates are the states to show and whether nodes that are up, and those
// that are not, count.
type chosenStates struct {
	names           []string
	online, offline bool
}

func (c chosenStates) has(state string) bool {
	return slices.Contains(c.names, state) || slices.Contains(c.names, "all")
}

func (c chosenStates) shows(online bool) bool {
	return online && c.online || !online && c.offline
}

// chooseStates reads --states: online and offline narrow what else is shown.
func (a *app) chooseStates(list string) (chosenStates, error) {
	if list == "" {
		list = defaultStatusStates
	}
	names, err := a.parseStates(list, statusStates)
	if err != nil {
		return chosenStates{}, err
	}
	online, offline := slices.Contains(names, "online"), slices.Contains(names, "offline")
	if !slices.ContainsFunc(names, func(s string) bool { return s != "online" && s != "offline" }) {
		more, err := a.parseStates(defaultStatusStates, statusStates)
		if err != nil {
			return chosenStates{}, err
		}
		names = append(names, more...)
	}
	if slices.Contains(names, "drain") {
		names = append(names, "draining", "drained")
	}
	return chosenStates{names, online || !offline, offline || !online}, nil
}

func (a *app) showStatus(v resourceView, set outfmt.Set, when string) error {
	color, err := a.color(when)
	if err != nil {
		return err
	}
	if v.states == "help" {
		_, err := a.parseStates("help", statusStates)
		return exitStatus(btoi(err == nil))
	}
	states, err := a.chooseStates(v.states)
	if err != nil {
		return err
	}
	f, done, err := a.chooseFormat(v, set, statusHeadings())
	if err != nil || done {
		return err
	}
	if !color {
		f = f.Without("color_up", "color_off")
	}
	in, err := a.fetchStatus(v)
	if err != nil {
		return err
	}
	status, err := a.limitStatus(v, in)
	if err != nil {
		return err
	}
	for _, s := range []string{"draining", "drained"} {
		if states.has(s) {
			status.sets["torpid"].RemoveSet(status.sets[s])
		}
	}
	lines, err := outfmt.Merge(f, status.lines(states), []string{"nodelist", "ranks", "nnodes"}, (*statusLine).merge)
	if err != nil {
		return err
	}
	skipEmpty := v.skipEmpty || v.states == ""
	skipOffline := !slices.Contains(states.names, "offline")
	lines = slices.DeleteFunc(lines, func(l *statusLine) bool {
		return l.hosts.Empty() && (skipEmpty || !l.online && skipOffline)
	})
	return outfmt.Print(f, a.out, lines, outfmt.Options{NoHeader: v.noHeader})
}

// limitStatus computes the states of what the view includes.
func (a *app) limitStatus(v resourceView, in statusInput) (*nodeStatus, error) {
	r := in.status.R
	if r == nil {
		r = rset.New()
	}
	var queues queueConfigs
	if len(v.queues) > 0 {
		var err error
		if queues, err = a.viewConfig(v); err != nil {
			return nil, err
		}
	}
	limit, err := v.restriction(r, queues)
	if err != nil {
		return nil, err
	}
	return newNodeStatus(in, limit)
}

// lines are a line for each state and for each drained rank.
func (s *nodeStatus) lines(states chosenStates) []*statusLine {
	var lines []*statusLine
	add := func(state string, online bool, ranks *idset.Set, drain *rpc.ResourceDrained) {
		hosts := s.r.Subset(ranks).Nodelist().Clone()
		lines = append(lines, &statusLine{state, online, ranks, hosts, drain})
	}
	for _, state := range []string{"avail", "exclude", "allocated", "torpid", "housekeeping"} {
		for _, online := range []bool{true, false} {
			if !states.has(state) || !states.shows(online) {
				continue
			}
			in := s.offline
			if online {
				in = s.online
			}
			add(state, online, s.sets[state].Intersect(in), nil)
		}
	}
	for _, state := range []string{"draining", "drained"} {
		if !states.has(state) {
			continue
		}
		if s.sets[state].Empty() && states.shows(true) {
			add(state, true, idset.New(), nil)
		}
		for rank := range s.sets[state].All() {
			if online := s.online.Contains(rank); states.shows(online) {
				drain := s.drains[rank]
				add(state, online, idset.New(rank), &drain)
			}
		}
	}
	return lines
}
