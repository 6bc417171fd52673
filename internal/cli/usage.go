// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// isCobraUsage recognises cobra's own complaints about operands.
func isCobraUsage(err error) bool {
	s := err.Error()
	return strings.Contains(s, "arg(s)") || strings.HasPrefix(s, "unknown command") ||
		strings.HasPrefix(s, "required flag") || strings.HasPrefix(s, "if any flags in the group")
}

// reportUsage prints a mistake in the usage of cmd and returns the status for it.
func (a *app) reportUsage(cmd *cobra.Command, e *statusError) int {
	path := commandPath(cmd)
	text := flagErrorText(e.cause, a.style)
	wrongOption := text != ""
	if !wrongOption {
		text = e.text
	}
	if a.style == pyStyle {
		fmt.Fprintf(a.err, "usage: %s\n%s: error: %s\n", usageLine(cmd), path, text)
		return 2
	}
	fmt.Fprintf(a.err, "%s: %s\n", path, text)
	if wrongOption {
		fmt.Fprintf(a.err, "Try `%s --help' for more information.\n", path)
	} else {
		printHelp(a.err, cmd)
	}
	return 1
}

// commandPath names a command as its messages do: "flux-module list".
func commandPath(cmd *cobra.Command) string {
	return strings.Replace(cmd.CommandPath(), " ", "-", 1)
}

// usageLine is a command's synopsis.
func usageLine(cmd *cobra.Command) string {
	_, operands, _ := strings.Cut(cmd.Use, " ")
	line := commandPath(cmd) + " [OPTIONS]"
	if operands != "" {
		line += " " + operands
	}
	return line
}

// flagErrorText words a mistake in an option as the style does; "" when err is
// something else.
func flagErrorText(err error, s style) string {
	var unknown *pflag.NotExistError
	var value *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		if s == pyStyle {
			return "unrecognized arguments: " + unknownOption(unknown)
		}
		return fmt.Sprintf("unrecognized option '%s'", unknownOption(unknown))
	case errors.As(err, &value):
		if s == pyStyle {
			return fmt.Sprintf("argument %s: expected one argument", flagNames(value.GetFlag()))
		}
		return fmt.Sprintf("option '--%s' requires an argument", value.GetFlag().Name)
	case errors.As(err, &invalid):
		return fmt.Sprintf("option --%s: %q: %s", invalid.GetFlag().Name, invalid.GetValue(), plainReason(invalid))
	}
	return ""
}

// plainReason is why a value was refused, without the parsing function's name.
func plainReason(err *pflag.InvalidValueError) string {
	why := errors.Unwrap(err)
	if why == nil {
		return "invalid value"
	}
	s := why.Error()
	if strings.HasPrefix(s, "strconv.") {
		return s[strings.LastIndex(s, ": ")+2:]
	}
	return s
}

func unknownOption(e *pflag.NotExistError) string {
	if e.GetSpecifiedShortnames() != "" {
		return "-" + e.GetSpecifiedName()
	}
	return "--" + e.GetSpecifiedName()
}

func flagNames(f *pflag.Flag) string {
	if f.Shorthand != "" {
		return "-" + f.Shorthand + "/--" + f.Name
	}
	return "--" + f.Name
}

// optionColumn is where the options' descriptions begin.
const optionColumn = 25

// printHelp prints a command's synopsis, options and subcommands.
func printHelp(w io.Writer, cmd *cobra.Command) {
	fmt.Fprintf(w, "Usage: %s\n", usageLine(cmd))
	if cmd.Short != "" {
		fmt.Fprintln(w, cmd.Short)
	}
	if cmd.Long != "" {
		fmt.Fprintf(w, "\n%s\n\n", cmd.Long)
	}
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			printOption(w, f)
		}
	})
	subs := cmd.Commands()
	if len(subs) == 0 {
		return
	}
	fmt.Fprint(w, "\nsupported subcommands:\n")
	for _, c := range subs {
		if !c.Hidden {
			fmt.Fprintf(w, "   %-18s %s\n", c.Name(), c.Short)
		}
	}
}

// printOption prints one option. A back-quoted word in its description names
// its argument; the rest of the description follows on lines of their own when
// the option is long.
func printOption(w io.Writer, f *pflag.Flag) {
	arg, text := pflag.UnquoteUsage(f)
	if f.Name == "help" {
		text = "Display this message."
	}
	names := "      --" + f.Name
	if f.Shorthand != "" {
		names = "  -" + f.Shorthand + ", --" + f.Name
	}
	if arg != "" {
		arg = strings.ToUpper(arg)
		if f.NoOptDefVal != "" {
			names += "[=" + arg + "]"
		} else {
			names += "=" + arg
		}
	}
	if len(names) >= optionColumn {
		names += "\n"
		fmt.Fprintf(w, "%s%*s", names, optionColumn, "")
	} else {
		fmt.Fprintf(w, "%-*s", optionColumn, names)
	}
	fmt.Fprintln(w, strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", optionColumn)))
}

// printSummary is "flux --help".
func printSummary(w io.Writer) {
	fmt.Fprint(w, `Usage: flux [OPTIONS] COMMAND [ARGS]
  -h, --help             Display this message.
  -v, --verbose          Show the environment and the search for COMMAND
  -V, --version          Show the versions of commands and broker
  -p, --parent           Talk to the parent instance; may be repeated
  -r, --root             Talk to the topmost instance
`)
	table := commandTable()
	for s, title := range sectionTitles {
		if title == "" {
			continue
		}
		fmt.Fprintf(w, "\n%s\n", title)
		for _, c := range table {
			if c.section == section(s) {
				fmt.Fprintf(w, "   %-18s %s\n", c.name, c.short)
			}
		}
	}
	for _, s := range installedHelp() {
		fmt.Fprintf(w, "\n%s\n", s.Description)
		for _, c := range s.Commands {
			fmt.Fprintf(w, "   %-18s %s\n", c.Name, c.Description)
		}
	}
	fmt.Fprintln(w, "\nSee 'flux help COMMAND' or 'flux COMMAND --help'.")
}
