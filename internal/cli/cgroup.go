// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"goflux/internal/sys/process"
)

// newCgroup is flux cgroup.
func newCgroup(a *app) *cobra.Command {
	cmd := a.group("cgroup", "tell of the control group that this is run in")
	cmd.AddCommand(&cobra.Command{
		Use: "path", Short: "print the control group's directory", Args: a.operands(0, 0),
		RunE: func(*cobra.Command, []string) error {
			dir := process.Cgroup()
			if dir == "" {
				return fail("not in a control group of version 2: mount cgroup2 on /sys/fs/cgroup")
			}
			fmt.Fprintln(a.out, dir)
			return nil
		},
	})
	return cmd
}
