// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/config"
	"goflux/internal/message"
	"goflux/internal/rpc"
)

// newJobtap is flux jobtap: plugins of the job manager.
func newJobtap(a *app) *cobra.Command {
	cmd := a.group("jobtap COMMAND", "load, remove and list plugins of the job manager")
	cmd.AddCommand(a.jobtapLoad(), a.jobtapRemove(), a.jobtapList(), a.jobtapQuery())
	return cmd
}

// changeJobtap loads and removes plugins.
func (a *app) changeJobtap(req rpc.Jobtap) error {
	h, err := a.open()
	if err != nil {
		return err
	}
	return h.RPC(a.ctx, "job-manager.jobtap", flux.NodeAny, req, nil)
}

func (a *app) jobtapLoad() *cobra.Command {
	var req rpc.Jobtap
	cmd := &cobra.Command{
		Use: "load PLUGIN [KEY=VALUE...]", Short: "load a plugin", Args: a.operands(1, -1),
		RunE: func(_ *cobra.Command, args []string) error {
			req.Load = args[0]
			conf, err := jobtapConf(args[1:])
			if err != nil {
				return err
			}
			req.Conf = conf
			return a.changeJobtap(req)
		},
	}
	cmd.Flags().StringVarP(&req.Remove, "remove", "r", "", "First remove the plugins that match `NAME`")
	cmd.Flags().SetInterspersed(false)
	return cmd
}

// jobtapConf makes a table of KEY=VALUE arguments: periods in a key lead into
// tables, a value that is no JSON is text.
func jobtapConf(args []string) (config.Table, error) {
	if len(args) == 0 {
		return nil, nil
	}
	conf := config.Table{}
	for _, arg := range args {
		key, text, ok := strings.Cut(arg, "=")
		if !ok {
			return nil, fail("Missing required value for key %s", arg)
		}
		var value any
		if jsontext.Value(text).IsValid() && message.Unmarshal([]byte(text), &value) == nil {
			putJobtapConf(conf, strings.Split(key, "."), value)
			continue
		}
		putJobtapConf(conf, strings.Split(key, "."), text)
	}
	return conf, nil
}

func putJobtapConf(table config.Table, keys []string, value any) {
	for ; len(keys) > 1; keys = keys[1:] {
		sub, ok := table[keys[0]].(config.Table)
		if !ok {
			sub = config.Table{}
			table[keys[0]] = sub
		}
		table = sub
	}
	table[keys[0]] = value
}

func (a *app) jobtapRemove() *cobra.Command {
	return &cobra.Command{
		Use: "remove PLUGIN", Short: "remove the plugins that match a pattern, or all", Args: a.operands(1, 1),
		RunE: func(_ *cobra.Command, args []string) error { return a.changeJobtap(rpc.Jobtap{Remove: args[0]}) },
	}
}

func (a *app) jobtapList() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use: "list", Short: "list the plugins that are loaded", Args: a.operands(0, 0),
		RunE: func(*cobra.Command, []string) error {
			h, err := a.open()
			if err != nil {
				return err
			}
			var list rpc.JobtapList
			if err := h.RPC(a.ctx, "job-manager.jobtap", flux.NodeAny, rpc.Jobtap{QueryOnly: true}, &list); err != nil {
				return err
			}
			for _, name := range list.Plugins {
				if all || !strings.HasPrefix(name, ".") {
					fmt.Fprintln(a.out, name)
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "List those that are always there, too")
	return cmd
}

func (a *app) jobtapQuery() *cobra.Command {
	return &cobra.Command{
		Use: "query PLUGIN", Short: "print what a plugin tells of itself, as JSON", Args: a.operands(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			h, err := a.open()
			if err != nil {
				return err
			}
			var info jsontext.Value
			if err := h.RPC(a.ctx, "job-manager.jobtap-query", flux.NodeAny, rpc.JobtapQuery{Name: args[0]}, &info); err != nil {
				return err
			}
			fmt.Fprintln(a.out, string(info))
			return nil
		},
	}
}
