// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"goflux/internal/install"
)

// newBroker is "flux broker", which becomes a broker.
func newBroker() *cobra.Command {
	return &cobra.Command{
		Use:                "broker [OPTIONS] [initial-program [args...]]",
		Short:              "Run a broker",
		DisableFlagParsing: true, // the options are flux-broker's
		RunE: func(_ *cobra.Command, args []string) error {
			path := brokerPath()
			err := syscall.Exec(path, append([]string{path}, args...), os.Environ())
			return fmt.Errorf("%s: %w", path, err)
		},
	}
}

func brokerPath() string { return filepath.Join(install.CommandDir(), "flux-broker") }
