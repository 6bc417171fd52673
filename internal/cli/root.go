// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"goflux/internal/install"
)

// commands are the subcommands that are built in, one constructor each.
var commands = []func() *cobra.Command{
	newStart,
	newBroker,
}

// ExitError makes the program end with a status; what there is to tell has
// been told.
type ExitError int

func (e ExitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// Main runs the command line and returns the exit status.
func Main(args []string) int {
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") && !builtin(args[0]) {
		return external(args)
	}
	root := &cobra.Command{
		Use:           "flux [OPTIONS] COMMAND [ARGS...]",
		Short:         "The Flux resource manager",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	for _, c := range commands {
		root.AddCommand(c())
	}
	root.SetArgs(args)
	cmd, err := root.ExecuteC()
	if err == nil {
		return 0
	}
	var status ExitError
	if errors.As(err, &status) {
		return int(status)
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", strings.ReplaceAll(cmd.CommandPath(), " ", "-"), err)
	return 1
}

func builtin(name string) bool {
	for _, c := range commands {
		if c().Name() == name {
			return true
		}
	}
	return false
}

// external replaces this process by the program behind a subcommand that is
// not built in.
func external(args []string) int {
	path := install.FindCommand(args[0])
	if path == "" {
		fmt.Fprintf(os.Stderr, "flux: `%s' is not a flux command.  See 'flux --help'\n", args[0])
		return 1
	}
	argv := append([]string{path}, args[1:]...)
	if strings.HasSuffix(path, ".py") {
		argv = append([]string{"python3"}, argv...)
		path = "/usr/bin/env"
		argv = append([]string{"env"}, argv...)
	}
	err := syscall.Exec(path, argv, os.Environ())
	fmt.Fprintf(os.Stderr, "flux: %s: %v\n", path, err)
	return 126
}
