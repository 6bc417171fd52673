// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"os"
	"syscall"

	"github.com/spf13/cobra"
)

// newStart is "flux start", which becomes a broker.
func newStart() *cobra.Command {
	c := &cobra.Command{
		Use:   "start [OPTIONS] [initial-program [args...]]",
		Short: "Start an instance",
		RunE: func(_ *cobra.Command, args []string) error {
			path := brokerPath()
			err := syscall.Exec(path, append([]string{path, "--"}, args...), os.Environ())
			return fmt.Errorf("%s: %w", path, err)
		},
	}
	c.Flags().SetInterspersed(false)
	return c
}
