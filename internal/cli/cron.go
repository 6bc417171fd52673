// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/fsd"
	"goflux/internal/rpc"
)

// newCron is flux cron: commands run at intervals, on events and by the
// calendar.
func newCron(a *app) *cobra.Command {
	cmd := a.group("cron COMMAND", "run commands at intervals, on events and at dates")
	cmd.AddCommand(
		a.cronInterval(), a.cronEvent(), a.cronTab(), a.cronAt(),
		a.cronList(), a.cronDump(), a.cronDelete(),
		a.cronSwitch("stop", "Stopped", "stop entries; what they run goes on"),
		a.cronSwitch("start", "Started", "start stopped entries"),
		a.cronSync(),
	)
	return cmd
}

// cronSwitch is flux cron stop and start.
func (a *app) cronSwitch(verb, done, short string) *cobra.Command {
	return &cobra.Command{
		Use: verb + " ID...", Short: short, Args: a.operands(1, -1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.eachCron(verb, args, false, func(e *rpc.CronEntry) {
				fmt.Fprintf(a.out, "%s cron-%d\n", done, e.ID)
			})
		},
	}
}

func (a *app) cronDelete() *cobra.Command {
	var kill bool
	cmd := &cobra.Command{
		Use: "delete ID...", Short: "remove entries", Args: a.operands(1, -1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.eachCron("delete", args, kill, func(e *rpc.CronEntry) {
				fmt.Fprintf(a.out, "Removed cron-%d: %s%s\n", e.ID, e.Name, cronLastRun(e, time.Now()))
			})
		},
	}
	cmd.Flags().BoolVarP(&kill, "kill", "k", false, "Kill what they are running, too")
	return cmd
}

// eachCron sends cron.VERB for each id and shows the entry answered.
func (a *app) eachCron(verb string, ids []string, kill bool, show func(*rpc.CronEntry)) error {
	h, err := a.open()
	if err != nil {
		return err
	}
	for _, text := range ids {
		id, err := cronID(text)
		if err != nil {
			return err
		}
		var e rpc.CronEntry
		if err := h.RPC(a.ctx, "cron."+verb, flux.NodeAny, rpc.CronID{ID: &id, Kill: kill}, &e); err != nil {
			return err
		}
		show(&e)
		a.flush()
	}
	return nil
}

func cronID(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fail("%s is not the number of a cron entry", text)
	}
	return id, nil
}

func (a *app) cronSync() *cobra.Command {
	var disable bool
	var epsilon string
	cmd := &cobra.Command{Use: "sync [TOPIC]", Short: "have commands wait for an event, or show which", Args: a.operands(0, 1)}
	cmd.Flags().BoolVarP(&disable, "disable", "d", false, "Have them wait no longer")
	cmd.Flags().StringVarP(&epsilon, "epsilon", "e", "", "Run commands that come this `TIME` after the event at once")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		req := rpc.CronSync{Disable: disable}
		if len(args) > 0 && !disable {
			req.Topic = args[0]
		}
		var err error
		if req.Epsilon, err = cronSeconds("epsilon", epsilon); err != nil {
			return err
		}
		h, err := a.open()
		if err != nil {
			return err
		}
		var now rpc.CronSyncState
		if err := h.RPC(a.ctx, "cron.sync", flux.NodeAny, req, &now); err != nil {
			return err
		}
		if now.Disabled {
			fmt.Fprintln(a.out, "sync: sync disabled.")
			return nil
		}
		fmt.Fprintf(a.out, "sync: sync to event \"%s\" epsilon=%.3fs.\n", now.Event, now.Epsilon)
		return nil
	}
	return cmd
}

// cronSeconds reads a duration; nil for none given.
func cronSeconds(what, text string) (*float64, error) {
	if text == "" {
		return nil, nil
	}
	n, err := fsd.ParseSeconds(text)
	if err != nil {
		return nil, fail("%s: Invalid duration '%s'", what, text)
	}
	return &n, nil
}
