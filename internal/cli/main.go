// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// Main runs the command line args (without the program's name) and returns the
// exit status.
func Main(args []string) int {
	a := newApp()
	defer a.close()
	opts, rest, err := parseFront(args)
	switch {
	case err != nil:
		fmt.Fprintf(a.err, "flux: %v\nTry `flux --help' for more information.\n", err)
		return 1
	case opts.help:
		printSummary(a.out)
		return 0
	case opts.version:
		rest = []string{"version"}
	case len(rest) == 0:
		printSummary(a.err)
		return 1
	}
	if err := setEnvironment(); err != nil {
		fmt.Fprintf(a.err, "flux: %v\n", err)
		return 1
	}
	if opts.parents != 0 {
		if err := a.enterParent(opts.parents); err != nil {
			fmt.Fprintf(a.err, "flux: %s\n", errorText(err))
			return 1
		}
	}
	if opts.verbose {
		printEnvironment(a.err)
	}
	return a.dispatch(rest, opts.verbose)
}

// dispatch runs the command that args begin with: a directory's own program, a
// developer's override, one of ours, or somebody else's.
func (a *app) dispatch(args []string, verbose bool) int {
	name := args[0]
	if strings.Contains(name, "/") {
		return a.execProgram(name, args, verbose)
	}
	if path := findOverride(name); path != "" {
		return a.execProgram(path, args, verbose)
	}
	if c, ok := lookup(name); ok {
		return a.run(c, args[1:])
	}
	if strings.HasPrefix(name, "__complete") {
		return a.complete(args)
	}
	if path := findExternal(name); path != "" {
		return a.execProgram(path, args, verbose)
	}
	if strings.HasPrefix(name, "python") {
		return a.run(pythonVersion(name), args[1:])
	}
	a.unknownCommand(name)
	return 1
}

// run executes one of our commands. Only its own part of the tree of commands
// is built. In commands of the C kind a long option that is the beginning of a
// single one's name stands for that; since options keep state, the retry is on a
// new tree.
func (a *app) run(c command, args []string) int {
	a.name, a.args, a.style = c.name, args, c.style
	for {
		root := newRoot()
		status := 0
		root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
			printHelp(a.helpOutput(), cmd)
			if cmd.Annotations[helpFails] != "" {
				status = 1
			}
		})
		tree := c.new(a)
		if c.style == cStyle {
			endOptionsEarly(tree)
		}
		root.AddCommand(tree)
		line := attachValues(root, append([]string{c.name}, args...))
		if c.style == pyStyle {
			line = joinOptional(root, line)
		}
		root.SetArgs(line)
		cmd, err := root.ExecuteC()
		if again, ok := completeOption(cmd, err, args); ok && c.style == cStyle {
			args = again
			continue
		}
		a.flush()
		return max(status, a.report(cmd, err))
	}
}

// helpFails marks a command that exits 1 when it has shown its help, as some do
// in flux-core and scripts know.
const helpFails = "help exits 1"

// endOptionsEarly makes options end at the first operand throughout a tree, so
// that operands may begin with a dash: flux setattr NAME -1.
func endOptionsEarly(cmd *cobra.Command) {
	ownArgs(cmd)
	for _, c := range cmd.Commands() {
		endOptionsEarly(c)
	}
}

// helpOutput is where help goes: for commands of the C kind, by their custom,
// standard error.
func (a *app) helpOutput() io.Writer {
	if a.style == cStyle {
		return a.err
	}
	return a.out
}

// newRoot is the tree's root; help and completion are ours.
func newRoot() *cobra.Command {
	root := &cobra.Command{Use: "flux", SilenceErrors: true, SilenceUsage: true}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(&cobra.Command{Use: "no-help", Hidden: true})
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return &statusError{text: err.Error(), cause: err, usage: true}
	})
	return root
}

// report prints an error in the command's style and tells its exit status.
func (a *app) report(cmd *cobra.Command, err error) int {
	if err == nil {
		return 0
	}
	var status ExitError
	if errors.As(err, &status) {
		return int(status)
	}
	var e *statusError
	if !errors.As(err, &e) {
		e = &statusError{status: 1, text: errorText(err)}
		if isCobraUsage(err) {
			e = &statusError{text: err.Error(), usage: true}
		}
	}
	if e.usage {
		return a.reportUsage(cmd, e)
	}
	if e.text != "" {
		fmt.Fprintf(a.err, "flux-%s: %s%s\n", a.name, a.errorMark(), e.text)
	}
	return e.status
}

func (a *app) errorMark() string {
	if a.style == pyStyle {
		return "ERROR: "
	}
	return ""
}

// warnf prints a line about something that is not fatal.
func (a *app) warnf(format string, args ...any) {
	a.flush()
	fmt.Fprintf(a.err, "flux-%s: %s\n", a.name, fmt.Sprintf(format, args...))
}
