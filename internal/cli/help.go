// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// newHelp is flux help: the manual page, or where there is none the summary of
// options.
func newHelp(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "show a command's manual page",
		Args:  a.operands(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				printSummary(a.out)
				return nil
			}
			return a.showManual(args[0])
		},
	}
}

// showManual becomes man(1) when that has a page for the command.
func (a *app) showManual(name string) error {
	page := name
	if !strings.HasPrefix(name, "flux") { // the others are pages as they stand: flux_open, flux-config-exec
		page = "flux-" + name
	}
	if man, err := exec.LookPath("man"); err == nil {
		if c, ours := lookup(name); !ours || exec.Command(man, "-w", page).Run() == nil {
			a.close()
			return fail("man: %v", syscall.Exec(man, []string{"man", page}, os.Environ()))
		} else {
			return exitStatus(a.run(c, []string{"--help"}))
		}
	}
	if c, ours := lookup(name); ours {
		return exitStatus(a.run(c, []string{"--help"}))
	}
	return fail("%s: no manual page", name)
}
