// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"context"
	"errors"
	"math"
	"strings"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"goflux/eventlog"
	"goflux/flux"
	"goflux/hostlist"
	"goflux/idset"
	"goflux/internal/message"
	"goflux/internal/rpc"
)

type resourceEventlogOptions struct {
	format, timeFormat, timeout, wait, include string
	match                                      []string
	human, follow                              bool
}

func (a *app) resourceEventlog() *cobra.Command {
	var o resourceEventlogOptions
	cmd := &cobra.Command{Use: "eventlog", Short: "print the journal of resource events (RFC 44)", Args: a.operands(0, 0)}
	fs := cmd.Flags()
	fs.StringVarP(&o.format, "format", "f", "text", "Print events as text or json (`FORMAT`)")
	fs.StringVarP(&o.timeFormat, "time-format", "T", "raw", "Print times as raw, iso, offset or human (`FORMAT`)")
	fs.BoolVarP(&o.human, "human", "H", false, "The same as -f text -T human")
	when := colorFlag(cmd, "L")
	fs.BoolVarP(&o.follow, "follow", "F", false, "Go on with new events")
	fs.StringVarP(&o.timeout, "timeout", "t", "", "With --follow or --wait, end after `DURATION`")
	fs.StringVarP(&o.wait, "wait", "w", "", "Print events until `EVENT`")
	fs.StringArrayVarP(&o.match, "match-context", "m", nil, "With --wait, demand `KEY=VAL` in the event's context")
	fs.StringVarP(&o.include, "include", "i", "", "Print only events of these hosts or ranks (`TARGETS`)")
	cmd.RunE = func(*cobra.Command, []string) error {
		color, err := a.color(*when)
		if err != nil {
			return err
		}
		return a.showResourceEvents(o, color)
	}
	return cmd
}

// formatter is how events are to be shown.
func (o *resourceEventlogOptions) formatter(color bool) (*eventlog.Formatter, error) {
	f := &eventlog.Formatter{Color: color, Time: eventlog.Human}
	if o.human {
		return f, nil
	}
	var err error
	if f.Format, err = eventlog.ParseFormat(o.format); err != nil {
		return nil, usageError("argument -f/--format: invalid choice: '%s' (choose from 'text', 'json')", o.format)
	}
	if f.Time, err = eventlog.ParseTimeFormat(o.timeFormat); err != nil {
		return nil, usageError("argument -T/--time-format: invalid choice: '%s' (choose from 'raw', 'iso', 'offset', 'human')", o.timeFormat)
	}
	return f, nil
}

func (a *app) showResourceEvents(o resourceEventlogOptions, color bool) error {
	f, err := o.formatter(color)
	if err != nil {
		return err
	}
	wanted, err := parseContextMatch(o.match)
	if err != nil {
		return err
	}
	ctx, cancel, err := a.withTimeout(o.timeout)
	if err != nil {
		return err
	}
	defer cancel()
	h, err := a.open()
	if err != nil {
		return err
	}
	targets, err := a.eventTargets(h, o.include)
	if err != nil {
		return err
	}
	err = a.resourceEvents(ctx, h, o.follow || o.wait != "", func(e eventlog.Entry) bool {
		context := eventContext(e)
		if !targets.match(context) {
			return true
		}
		a.out.Write(f.Append(nil, e))
		a.flush()
		return o.wait == "" || e.Name != o.wait || !wanted.match(context)
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return fail("%v", syscall.ETIMEDOUT)
	}
	return err
}

// resourceEvents calls each with the events of the journal until it returns
// false, or, unless following, the history's end.
func (a *app) resourceEvents(ctx context.Context, h *flux.Client, follow bool, each func(eventlog.Entry) bool) error {
	call, err := h.Stream("resource.journal", 0, rpc.Empty{})
	if err != nil {
		return err
	}
	for {
		var resp rpc.ResourceEvents
		if err := call.Get(ctx, &resp); err != nil {
			if isEndOfStream(err) {
				return nil
			}
			return err
		}
		if len(resp.Events) == 0 && !follow {
			return nil
		}
		for _, v := range resp.Events {
			e, err := eventlog.ParseEntry(v)
			if err != nil {
				return fail("resource.journal: %v", err)
			}
			if !each(e) {
				return nil
			}
		}
	}
}

// eventContext is the context of an event by key.
func eventContext(e eventlog.Entry) map[string]jsontext.Value {
	var context map[string]jsontext.Value
	if e.UnmarshalContext(&context) != nil {
		return nil
	}
	return context
}

// contextMatch is what an event's context has to have.
type contextMatch map[string]jsontext.Value

func parseContextMatch(pairs []string) (contextMatch, error) {
	m := contextMatch{}
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		switch {
		case !ok:
			return nil, usageError("argument -m/--match-context: invalid KEY=VAL argument: '%s' (missing '=')", pair)
		case key == "":
			return nil, usageError("argument -m/--match-context: invalid KEY=VAL argument: '%s' (empty key)", pair)
		}
		v := jsontext.Value(value)
		if v.Compact() != nil {
			v, _ = message.Marshal(value)
		}
		m[key] = v
	}
	return m, nil
}

// floatTolerance is how far two times may be apart and still be the same.
const floatTolerance = 1e-5

func (m contextMatch) match(context map[string]jsontext.Value) bool {
	for key, want := range m {
		got := context[key]
		if string(got) == string(want) {
			continue
		}
		var a, b float64
		if got.Kind() != '0' || message.Unmarshal(got, &a) != nil || message.Unmarshal(want, &b) != nil || math.Abs(a-b) > floatTolerance {
			return false
		}
	}
	return true
}

// eventTargets are the nodes whose events are wanted.
type eventTargets struct {
	all, byRank bool
	ranks       *idset.Set
	hosts       *hostlist.List
}

// eventTargets understands ranks and hosts, "" for all.
func (a *app) eventTargets(h *flux.Client, text string) (eventTargets, error) {
	if text == "" {
		return eventTargets{all: true}, nil
	}
	names, err := h.Attr(a.ctx, "hostlist")
	if err != nil {
		return eventTargets{}, fail("hostlist: %v", err)
	}
	all, err := hostlist.Parse(names)
	if err != nil {
		return eventTargets{}, err
	}
	if ranks, err := idset.Parse(text); err == nil {
		hosts, err := all.Subset(ranks)
		return eventTargets{byRank: true, ranks: ranks, hosts: hosts}, err
	}
	hosts, err := hostlist.Parse(text)
	if err != nil {
		return eventTargets{}, fail("invalid targets %s", text)
	}
	places, err := all.Find(text)
	if err != nil {
		return eventTargets{}, err
	}
	t := eventTargets{hosts: hosts, ranks: idset.New()}
	for _, i := range places {
		t.ranks.Add(uint32(i))
	}
	return t, nil
}

// match tells whether an event with that context is about one of the targets.
// Several brokers may share a host: ranks that were asked for match ranks alone.
func (t *eventTargets) match(context map[string]jsontext.Value) bool {
	if t.all {
		return true
	}
	text := func(key string) string {
		s := ""
		_ = message.Unmarshal(context[key], &s)
		return s
	}
	ranks := text("ranks")
	if ranks == "" {
		ranks = text("idset")
	}
	if ids, err := idset.Parse(ranks); err == nil && ids.Intersects(t.ranks) {
		return true
	}
	if t.byRank {
		return false
	}
	hosts, err := hostlist.Parse(text("nodelist"))
	return err == nil && !hosts.Intersect(t.hosts).Empty()
}
