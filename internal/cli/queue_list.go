// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"math"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"goflux/fsd"
	"goflux/internal/cli/outfmt"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/rset"
)

// queueFormats are the named formats of flux queue list.
var queueFormats = []outfmt.Named{
	{Name: "default", Description: "Default flux-queue list format string",
		Format: queueColumns + "{limits.range.effective.nnodes:>10} {limits.range.effective.ncores:>10} {limits.range.effective.ngpus:>10}"},
	{Name: "policy", Description: "flux-queue list with policy limits only",
		Format: queueColumns + "{limits.range.nnodes:>10} {limits.range.ncores:>10} {limits.range.ngpus:>10}"},
	{Name: "nodes", Description: "Show queue status plus all/up/allocated/free nodes",
		Format: queueStateColumns + "{resources.all.nnodes:>6} {resources.up.nnodes:>10} {resources.down.nnodes:>10} {resources.allocated.nnodes:>11} {resources.free.nnodes:>10}"},
}

// The columns that the formats have in common.
const (
	queueStateColumns = "?:{queuem:<8.8} ?:{parent:<8.8} {color_enabled}{enabled:>2}{color_off} {color_started}{started:>2}{color_off} "
	queueColumns      = queueStateColumns + "{defaults.timelimit!F:>8} {limits.timelimit!F:>8} "
)

// queueHeadings are the fields of flux queue list.
func queueHeadings() map[string]string {
	h := map[string]string{
		"queue": "QUEUE", "queuem": "QUEUE", "parent": "PARENT", "submission": "SUBMIT", "scheduling": "SCHED",
		"enabled": "EN", "started": "ST", "enabled.ascii": "EN", "started.ascii": "ST",
		"color_enabled": "", "color_started": "", "color_off": "",
		"defaults.timelimit": "TDEFAULT", "limits.timelimit": "TLIMIT",
	}
	for _, item := range countedResources {
		name := strings.ToUpper(item[1:])
		h["limits.range."+item] = strings.ToUpper(item)
		h["limits.range.effective."+item] = strings.ToUpper(item)
		h["limits.min."+item] = "MIN" + name
		h["limits.max."+item] = "MAX" + name
		h["resources.all."+item] = name
		for _, state := range []string{"free", "allocated", "up", "down"} {
			h["resources."+state+"."+item] = name + ":" + strings.ToUpper(state[:min(len(state), 5)])
		}
	}
	return h
}

// countedResources are what limits are set for.
var countedResources = [...]string{"nnodes", "ncores", "ngpus"}

func (a *app) queueList() *cobra.Command {
	v := resourceView{}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "list queues with their state and limits",
		Args:  a.operands(0, 0),
		RunE:  func(*cobra.Command, []string) error { return a.listQueues(v) },
	}
	cmd.Flags().StringSliceVarP(&v.queues, "queue", "q", nil, "Show only these queues (`QUEUE,...`)")
	v.formatFlags(cmd)
	return cmd
}

// queueRow is a line of flux queue list.
type queueRow struct {
	name      string
	isDefault bool
	state     rpc.QueueStatus
	policies  []jsontext.Value // the queue's, its parent's, the instance's
	resources schedResources
	color     bool
}

func (a *app) listQueues(v resourceView) error {
	set := outfmt.Set{Tool: "flux-queue", Subcommand: "list", Builtin: queueFormats, Tables: map[string][]string{"list": nil}}
	f, done, err := a.chooseFormat(v, set, queueHeadings())
	if err != nil || done {
		return err
	}
	h, err := a.open()
	if err != nil {
		return err
	}
	status, err := a.schedStatus(h)
	if err != nil {
		return err
	}
	conf, err := a.fetchConfig("")
	if err != nil {
		return err
	}
	queues, err := parseQueues(conf)
	if err != nil {
		return err
	}
	names := v.queues
	if len(names) == 0 {
		for _, q := range queues {
			names = append(names, q.name)
		}
	}
	if len(names) == 0 {
		names = []string{""}
	}
	color := stdoutIsTerminal() || strings.Contains(v.format, "{color_") // who asks for colours by name gets them
	var rows []*queueRow
	for _, name := range names {
		q, ok := queues.find(name)
		if !ok && name != "" {
			return fail("No such queue: %s", name)
		}
		row := &queueRow{name: name, color: color}
		if row.state, err = a.fetchQueueState(h, name); err != nil {
			return err
		}
		if err := row.read(conf, queues, q, newSchedResources(status, nil)); err != nil {
			return err
		}
		rows = append(rows, row)
	}
	return outfmt.Print(f, a.out, rows, outfmt.Options{NoHeader: v.noHeader})
}

// read takes the queue's policies and resources from the configuration.
func (r *queueRow) read(conf jsontext.Value, queues queueConfigs, q queueConfig, resources schedResources) error {
	text, _ := configString(conf, "policy.jobspec.defaults.system.queue")
	r.isDefault = r.name == text
	for _, name := range []string{r.name, r.state.Parent} {
		if name == "" {
			continue
		}
		v, ok := jsonPath(conf, "queues")
		if ok {
			v, ok = jsonMember(v, name)
		}
		if !ok {
			return fail("queue '%s': parent queue '%s' is not configured", r.name, name)
		}
		r.policies = append(r.policies, v)
	}
	r.policies = append(r.policies, conf)
	r.resources = resources
	if r.name == "" {
		return nil
	}
	if q.Parent == "" {
		q.Parent = r.state.Parent
	}
	requires, err := queues.requires(q)
	if err != nil || len(requires) == 0 {
		return err
	}
	ranks, err := queues.ranks(resources.in("all"), []string{r.name})
	if err != nil {
		return err
	}
	r.resources = schedResources{}
	for state, set := range resources {
		r.resources[state] = set.Subset(ranks)
	}
	return nil
}

// configString is the string at a path of a configuration.
func configString(conf jsontext.Value, path string) (string, bool) {
	v, ok := jsonPath(conf, path)
	if !ok || v.Kind() != '"' {
		return "", false
	}
	var s string
	return s, message.Unmarshal(v, &s) == nil
}

// policy is the value at a path of the first policy that has one.
func (r *queueRow) policy(path string) (jsontext.Value, bool) {
	for _, p := range r.policies {
		if v, ok := jsonPath(p, "policy."+path); ok {
			return v, true
		}
	}
	return nil, false
}

// seconds is a duration that a policy sets, infinite if none does.
func (r *queueRow) seconds(path string) float64 {
	v, ok := r.policy(path)
	if !ok {
		return math.Inf(1)
	}
	var s string
	var f float64
	if message.Unmarshal(v, &s) == nil {
		if f, err := fsd.ParseSeconds(s); err == nil {
			return f
		}
	}
	_ = message.Unmarshal(v, &f)
	return f
}

// limit is the least or the greatest count of a resource that policies allow.
func (r *queueRow) limit(which, item string) float64 {
	n := 0.0
	if v, ok := r.policy("limits.job-size." + which + "." + item); ok {
		_ = message.Unmarshal(v, &n)
		if n < 0 {
			return math.Inf(1)
		}
		return n
	}
	if which == "max" {
		return math.Inf(1)
	}
	return 0
}

// countText is a count, or inf.
func countText(n float64) any {
	if math.IsInf(n, 1) {
		return n
	}
	return int64(n)
}

func countOf(r *rset.R, item string) int64 {
	switch item {
	case "nnodes":
		return int64(r.NNodes())
	case "ncores":
		return r.NCores()
	}
	return r.NGPUs()
}

// Field implements outfmt.Item.
func (r *queueRow) Field(name string) any {
	dot := strings.LastIndexByte(name, '.')
	item := name[dot+1:]
	switch name[:max(dot, 0)] {
	case "limits.min":
		return countText(r.limit("min", item))
	case "limits.max":
		return countText(r.limit("max", item))
	case "limits.range":
		return fmt.Sprintf("%v-%s", countText(r.limit("min", item)), outfmt.Text(countText(r.limit("max", item))))
	case "limits.range.effective":
		most := min(r.limit("max", item), float64(countOf(r.resources.in("all"), item)))
		return fmt.Sprintf("%v-%v", countText(r.limit("min", item)), countText(most))
	}
	if rest, ok := strings.CutPrefix(name, "resources."); ok {
		state, item, _ := strings.Cut(rest, ".")
		return countOf(r.resources.in(state), item)
	}
	switch name {
	case "defaults.timelimit":
		return r.seconds("jobspec.defaults.system.duration")
	case "limits.timelimit":
		return r.seconds("limits.duration")
	}
	return r.stateField(name)
}

// paused tells a virtual queue that is stopped because its parent is.
func (r *queueRow) paused() bool { return !r.state.Start && r.state.Blocked == "parent" }

func (r *queueRow) stateField(name string) any {
	choose := func(paused, on bool, yes, wait, no string) string {
		switch {
		case on:
			return yes
		case paused:
			return wait
		}
		return no
	}
	started := func(yes, wait, no string) string { return choose(r.paused(), r.state.Start, yes, wait, no) }
	enabled := func(yes, no string) string { return choose(false, r.state.Enable, yes, "", no) }
	switch name {
	case "queue":
		return r.name
	case "queuem":
		if r.name != "" && r.isDefault {
			return r.name + "*"
		}
		return r.name
	case "parent":
		return r.state.Parent
	case "submission":
		return enabled("enabled", "disabled")
	case "scheduling":
		return started("started", "stopped (parent)", "stopped")
	case "enabled":
		return enabled("✔", "✗")
	case "enabled.ascii":
		return enabled("y", "n")
	case "started":
		return started("✔", "⏸", "✗")
	case "started.ascii":
		return started("y", "p", "n")
	}
	if !r.color {
		return ""
	}
	switch name {
	case "color_enabled":
		return enabled("\x1b[01;32m", "\x1b[01;31m")
	case "color_started":
		return started("\x1b[01;32m", "\x1b[01;33m", "\x1b[01;31m")
	}
	return "\x1b[0;0m"
}
