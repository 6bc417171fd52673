// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/rpc"
)

// newHeaptrace is flux heaptrace: profiles of what the broker has in memory,
// for "go tool pprof".
func newHeaptrace(a *app) *cobra.Command {
	cmd := a.group("heaptrace COMMAND", "write profiles of the broker's memory")
	request := func(topic string, req any) error {
		h, err := a.open()
		if err != nil {
			return err
		}
		return h.RPC(a.ctx, "heaptrace."+topic, flux.NodeAny, req, nil)
	}
	cmd.AddCommand(
		&cobra.Command{
			Use: "start FILE", Short: "begin to write profiles, named after FILE", Args: a.operands(1, 1),
			RunE: func(_ *cobra.Command, args []string) error {
				file, err := filepath.Abs(args[0])
				if err != nil {
					return err
				}
				return request("start", rpc.HeaptraceStart{Filename: &file})
			},
		},
		&cobra.Command{
			Use: "dump REASON", Short: "write a profile", Args: a.operands(1, 1),
			RunE: func(_ *cobra.Command, args []string) error {
				return request("dump", rpc.HeaptraceDump{Reason: &args[0]})
			},
		},
		&cobra.Command{
			Use: "stop", Short: "write no more profiles", Args: a.operands(0, 0),
			RunE: func(*cobra.Command, []string) error { return request("stop", rpc.Empty{}) },
		},
	)
	return cmd
}
