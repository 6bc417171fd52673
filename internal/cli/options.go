// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// group is a command that only has subcommands.
func (a *app) group(use, short string) *cobra.Command {
	return &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 0 && a.style == pyStyle:
				return usageError("argument subcommand: invalid choice: '%s'", args[0])
			case len(args) > 0:
				return usageError("Unknown subcommand: %s", args[0])
			case a.style == pyStyle:
				return usageError("the following arguments are required: subcommand")
			}
			return usageError("missing subcommand")
		},
	}
}

// ownArgs ends the options of cmd at its first operand, where a command line
// of the user's begins.
func ownArgs(cmd *cobra.Command) {
	cmd.Flags().SetInterspersed(false)
	if cmd.Annotations == nil {
		cmd.Annotations = map[string]string{}
	}
	cmd.Annotations[endsOptions] = "true"
}

// endsOptions marks a command whose options end at its first operand.
const endsOptions = "options end at the first operand"

// colorFlag adds --color[=WHEN], with short as its letter ("" for none). Pass
// the result to app.color when the command runs.
func colorFlag(cmd *cobra.Command, short string) *string {
	when := "auto"
	if os.Getenv("NO_COLOR") != "" {
		when = "never"
	}
	p := cmd.Flags().StringP("color", short, when, "Colour the output: always, never or auto (`WHEN`)")
	cmd.Flags().Lookup("color").NoOptDefVal = "always"
	return p
}

// color tells whether to colour standard output, for the value of --color.
func (a *app) color(when string) (bool, error) {
	switch when {
	case "always":
		return true, nil
	case "never":
		return false, nil
	case "auto":
		return stdoutIsTerminal(), nil
	}
	return false, usageError("invalid argument to --color: '%s' (choose from 'always', 'never', 'auto')", when)
}

// operands demands between least and most operands; most < 0 is any number.
func (a *app) operands(least, most int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < least && a.style == pyStyle:
			return usageError("too few arguments")
		case len(args) < least:
			return usageError("missing operand")
		case most >= 0 && len(args) > most && a.style == pyStyle:
			return usageError("unrecognized arguments: %s", strings.Join(args[most:], " "))
		case most >= 0 && len(args) > most:
			return usageError("unexpected operand: %s", args[most])
		}
		return nil
	}
}
