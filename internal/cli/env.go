// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"github.com/spf13/cobra"
)

// newEnv is flux env: the environment of commands in a form for the shell's
// eval, or a program run in it.
func newEnv(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "env [COMMAND...]",
		Short: "print the environment of commands, or run one in it",
		Args:  cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return a.runInEnvironment(args)
			}
			for _, v := range commandEnvironment(findInstall(), os.Getenv, true) {
				fmt.Fprintf(a.out, "export %s=\"%s\"\n", v.name, v.value)
			}
			return nil
		},
	}
	ownArgs(cmd)
	return cmd
}

// runInEnvironment becomes the program args name, with Flux's Python modules
// in reach.
func (a *app) runInEnvironment(args []string) error {
	if err := applyEnvironment(true); err != nil {
		return err
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		return failStatus(127, "%s: %v", args[0], syscall.ENOENT)
	}
	a.close()
	return failStatus(126, "%s: %v", args[0], syscall.Exec(path, args, os.Environ()))
}
