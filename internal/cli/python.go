// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// newPython is flux python.
func newPython(a *app) *cobra.Command { return pythonCommand(a, "python", "python3") }

// pythonVersion is flux pythonX.Y.
func pythonVersion(name string) command {
	return command{name: name, new: func(a *app) *cobra.Command { return pythonCommand(a, name, name) }}
}

// pythonCommand runs an interpreter with Flux's modules in reach; every
// argument but two first ones is the interpreter's own.
func pythonCommand(a *app, name, program string) *cobra.Command {
	return &cobra.Command{
		Use:                name + " [--get-path] [--list-versions] [ARGS...]",
		Short:              "run Python with Flux's modules in reach",
		DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 && args[0] == "--get-path" {
				fmt.Fprintln(a.out, findInstall().python)
				return nil
			}
			if len(args) > 0 && args[0] == "--list-versions" {
				for _, v := range pythonVersions(os.Getenv("FLUX_EXEC_PATH")) {
					fmt.Fprintln(a.out, v)
				}
				return nil
			}
			path, err := exec.LookPath(program)
			if err != nil {
				return failStatus(127, "%s is not in PATH", program)
			}
			if err := applyEnvironment(true); err != nil {
				return err
			}
			a.close()
			return fail("%s: %v", path, syscall.Exec(path, append([]string{path}, args...), os.Environ()))
		},
	}
}

// pythonVersions are the interpreters that packages of bindings brought along.
func pythonVersions(path string) []string {
	var found []string
	for dir := range strings.SplitSeq(path, ":") {
		files, _ := filepath.Glob(filepath.Join(dir, "flux-python*.*"))
		for _, f := range files {
			if isExecutable(f) {
				found = append(found, strings.TrimPrefix(filepath.Base(f), "flux-"))
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
