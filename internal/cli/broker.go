// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"goflux/internal/install"
)

// newBroker is flux broker, which becomes a broker.
func newBroker(*app) *cobra.Command {
	return &cobra.Command{
		Use:                "broker [OPTIONS] [initial-program [args...]]",
		Short:              "run a broker",
		DisableFlagParsing: true, // the options are flux-broker's
		RunE: func(_ *cobra.Command, args []string) error {
			path := brokerPath()
			err := syscall.Exec(path, append([]string{path}, args...), os.Environ())
			return fail("%s: %v", path, err)
		},
	}
}

// brokerPath finds flux-broker where commands are looked for, so that a
// developer can put another one in front.
func brokerPath() string {
	if path := findProgram("broker", os.Getenv("FLUX_EXEC_PATH")); path != "" {
		return path
	}
	return filepath.Join(install.CommandDir(), "flux-broker")
}
