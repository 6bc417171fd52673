// SPDX-License-Identifier: LGPL-3.0-or-later

// Package cli is the command line: what "flux NAME …" does for every NAME that
// is part of goflux. The options, output and exit status are those of the
// manual pages of section 1.
//
// # How a command is added
//
// A command is one file (NAME.go) and one row of the table in table.go. The row
// names a constructor, called only when the command is run:
//
//	func newGetattr(a *app) *cobra.Command {
//		return &cobra.Command{
//			Use:   "getattr NAME",
//			Short: "print a broker attribute",
//			Args:  a.operands(1, 1),
//			RunE: func(cmd *cobra.Command, args []string) error {
//				h, err := a.open()
//				if err != nil {
//					return err
//				}
//				value, err := h.Attr(a.ctx, args[0])
//				if err != nil {
//					return fail("%s: %v", args[0], err)
//				}
//				fmt.Fprintln(a.out, value)
//				return nil
//			},
//		}
//	}
//
// Nothing may happen at package initialisation: "flux getattr" pays for every
// variable of every command.
//
// Commands with subcommands: cmd := a.group("module COMMAND", "…"), then
// cmd.AddCommand. a.operands(least, most) checks the number of operands.
// Options of commands of the style cStyle end at the first operand; others take
// options anywhere unless they call ownArgs(cmd), as flux run does, whose
// operands begin another command line. Long options may be abbreviated, and an
// option with an optional value takes it attached (-Lnever, --color=never).
//
// # Output
//
// a.out is a buffered standard output, flushed when the command ends and by
// a.flush; a.err is standard error; a.in standard input. Tables are printed
// with the format engine of package outfmt. a.color(when) tells whether to
// colour; colorFlag adds the --color option.
//
// # Errors
//
// A command returns its error; Main prints it, once, as "flux-NAME: text" and
// exits 1. Commands that scripts know as strict ones (style pyStyle in the
// table) print "flux-NAME: ERROR: text" and exit 2 on usage errors, where the
// others (cStyle) exit 1:
//
//	return err                            // the service's own words
//	return fail("load %s: %v", name, err) // words before them
//	return failStatus(2, "…")             // another status
//	return exitStatus(7)                  // no words
//	return usageError("missing NAME")     // with a hint at --help
//
// fail keeps the errno of its last error: errors.Is(err, syscall.ENOENT).
// osErrorText(err) is "[Errno 17] text", which strict commands show for some
// errors; a.warnf prints a line without ending the command.
//
// # Tests
//
// Scripts in testdata/script need no instance. Those in testdata/wire talk to a
// broker that answers from a list and writes down what it was asked: they hold
// both the requests and the output.
//
// # Environment
//
// Before a command runs, the environment is set up for its children as
// flux-environment(7) says. "flux NAME" of other packages are found in
// FLUX_EXEC_PATH and PATH, as flux-NAME or flux-NAME.py.
package cli
