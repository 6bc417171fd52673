// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"bufio"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/rpc"
)

// newAdmin is flux admin (flux-admin(1)).
func newAdmin(a *app) *cobra.Command {
	cmd := a.group("admin", "what is rarely needed")
	cmd.AddCommand(a.cleanupPush(), a.systemScripts())
	return cmd
}

// cleanupPush has a command run when the initial program has ended. What comes
// on standard input is a block, whose order is kept.
func (a *app) cleanupPush() *cobra.Command {
	cmd := &cobra.Command{
		Use: "cleanup-push [COMMAND...]", Short: "have a command run before the instance ends", Args: cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			h, err := a.open()
			if err != nil {
				return err
			}
			commands := []string{strings.Join(args, " ")}
			if len(args) == 0 {
				commands = []string{}
				for sc := bufio.NewScanner(a.in); sc.Scan(); {
					commands = append(commands, strings.TrimSpace(sc.Text()))
				}
				slices.Reverse(commands)
			}
			return h.RPC(a.ctx, "runat.push", flux.NodeAny, rpc.RunatPush{Name: "cleanup", Commands: commands}, nil)
		},
	}
	ownArgs(cmd)
	return cmd
}
