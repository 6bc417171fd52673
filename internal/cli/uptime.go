// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/fsd"
	"goflux/idset"
	"goflux/internal/rpc"
)

// newUptime is flux uptime (flux-uptime(1)).
func newUptime(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "uptime", Short: "tell how long the instance has been running", Args: a.operands(0, 0),
		RunE: func(*cobra.Command, []string) error { return a.uptime() },
	}
}

func (a *app) uptime() error {
	h, err := a.open()
	if err != nil {
		return err
	}
	var state rpc.StateAnswer
	if err := h.RPC(a.ctx, "state-machine.get", flux.NodeAny, nil, &state); err != nil {
		return fail("Error fetching broker state: %v", err)
	}
	numbers := map[string]int{}
	for _, name := range []string{"security.owner", "size", "instance-level"} {
		text, err := h.Attr(a.ctx, name)
		if err == nil {
			numbers[name], err = strconv.Atoi(text)
		}
		if err != nil {
			return fail("Error fetching %s attribute: %v", name, err)
		}
	}
	var extra instanceExtra
	if state.State == "run" {
		if extra, err = a.instanceExtra(h, numbers["size"]); err != nil {
			return err
		}
		state.Duration = extra.running.Seconds()
	}
	fmt.Fprintf(a.out, " %s %s %s,  owner %s,  depth %d,  size %d%s\n", time.Now().Format("15:04:05"), state.State,
		fsd.FormatShort(state.Duration), userName(numbers["security.owner"]), numbers["instance-level"], numbers["size"], extra.counts())
	if line := extra.notices(); line != "" {
		fmt.Fprintf(a.out, "  %s\n", line)
	}
	return nil
}

// userName is a user's name, or the number of one without.
func userName(uid int) string {
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return strconv.Itoa(uid)
	}
	return u.Username
}

// instanceExtra is what is told of an instance that runs.
type instanceExtra struct {
	running           time.Duration
	drained, offline  int
	disabled, stopped bool // all queues
}

func (e *instanceExtra) counts() string {
	text := ""
	if e.drained > 0 {
		text += fmt.Sprintf(",  %d drained", e.drained)
	}
	if e.offline > 0 {
		text += fmt.Sprintf(",  %d offline", e.offline)
	}
	return text
}

func (e *instanceExtra) notices() string {
	var list []string
	if e.disabled {
		list = append(list, "submit disabled")
	}
	if e.stopped {
		list = append(list, "scheduler stopped")
	}
	return strings.Join(list, ",  ")
}

func (a *app) instanceExtra(h *flux.Client, size int) (instanceExtra, error) {
	var e instanceExtra
	var start rpc.AttrValue
	err := h.RPC(a.ctx, "attr.get", 0, rpc.Name{Name: "broker.starttime"}, &start)
	seconds, perr := strconv.ParseFloat(start.Value, 64)
	if err = errors.Join(err, perr); err != nil {
		return e, fail("Error fetching broker.starttime attribute: %v", err)
	}
	e.running = time.Since(time.UnixMicro(int64(seconds * 1e6)))
	var resources struct {
		Drain map[string]any `json:"drain"`
	}
	if err := h.RPC(a.ctx, "resource.status", 0, nil, &resources); err != nil {
		return e, fail("Error fetching resource status: %v", err)
	}
	for ranks := range resources.Drain {
		set, err := idset.Parse(ranks)
		if err != nil {
			return e, fail("Error fetching resource status: %v", err)
		}
		e.drained += set.Len()
	}
	var online rpc.GroupMembers
	if err := h.RPC(a.ctx, "groups.get", 0, rpc.GroupName{Name: "broker.online"}, &online); err != nil {
		return e, fail("Error fetching broker.online group: %v", err)
	}
	if set, err := idset.Parse(online.Members); err == nil {
		e.offline = size - set.Len()
	}
	e.disabled, e.stopped, err = a.queuesOff(h)
	return e, err
}

// queuesOff tells whether all queues are disabled, and whether all are stopped.
func (a *app) queuesOff(h *flux.Client) (disabled, stopped bool, err error) {
	var list struct {
		Queues []string `json:"queues"`
	}
	if err := h.RPC(a.ctx, "job-manager.queue-list", 0, nil, &list); err != nil {
		return false, false, fail("queue-list: %v", err)
	}
	requests := []map[string]string{{}} // the one without a name
	if len(list.Queues) > 0 {
		requests = nil
		for _, q := range list.Queues {
			requests = append(requests, map[string]string{"name": q})
		}
	}
	disabled, stopped = true, true
	for _, req := range requests {
		var q struct {
			Enable bool `json:"enable"`
			Start  bool `json:"start"`
		}
		if err := h.RPC(a.ctx, "job-manager.queue-status", 0, req, &q); err != nil {
			return false, false, fail("Error fetching queue status: %v", err)
		}
		disabled = disabled && !q.Enable
		stopped = stopped && !q.Start
	}
	return disabled, stopped, nil
}
