// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"goflux/internal/install"
)

// newVersion is flux version.
func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "show the versions of commands and broker",
		Args:  a.operands(0, 0),
		RunE: func(*cobra.Command, []string) error {
			// The library is part of the commands; scripts look for its line.
			fmt.Fprintf(a.out, "commands:    \t\t%[1]s\nlibflux-core:\t\t%[1]s\n", install.CoreVersion)
			if uri := os.Getenv("FLUX_URI"); uri != "" {
				h, err := a.open()
				if err != nil {
					return err
				}
				broker, err := h.Attr(a.ctx, "version")
				if err != nil {
					return fail("version of the broker: %v", err)
				}
				fmt.Fprintf(a.out, "broker:  \t\t%s\nFLUX_URI:\t\t%s\n", broker, uri)
			}
			return nil
		},
	}
}
