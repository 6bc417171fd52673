// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"goflux/flux"
)

// findOverride looks for a program that a developer put in front of the
// installed one of that name.
func findOverride(name string) string {
	return findProgram(name, os.Getenv("FLUX_EXEC_PATH_PREPEND"))
}

// findExternal looks for a command that is not part of this package.
func findExternal(name string) string {
	if path := findProgram(name, os.Getenv("FLUX_EXEC_PATH")); path != "" {
		return path
	}
	return findProgram(name, os.Getenv("PATH"))
}

// findProgram looks for flux-NAME or flux-NAME.py in a search path.
func findProgram(name, path string) string {
	for dir := range strings.SplitSeq(path, ":") {
		if dir == "" {
			continue
		}
		for _, end := range []string{"", ".py"} {
			if p := filepath.Join(dir, "flux-"+name+end); isExecutable(p) {
				return p
			}
		}
	}
	return ""
}

// execProgram becomes the program at path. args[0] is the command's name.
func (a *app) execProgram(path string, args []string, verbose bool) int {
	argv := append([]string{path}, args[1:]...)
	if strings.HasSuffix(path, ".py") {
		python, err := pythonProgram()
		if err != nil {
			fmt.Fprintf(a.err, "flux: %v\n", err)
			return 1
		}
		if err := applyEnvironment(true); err != nil {
			fmt.Fprintf(a.err, "flux: %v\n", err)
			return 1
		}
		argv = append([]string{python}, argv...)
	}
	if verbose {
		fmt.Fprintf(a.err, "flux: trying to exec %s\n", strings.Join(argv, " "))
	}
	a.close()
	err := syscall.Exec(argv[0], argv, os.Environ())
	fmt.Fprintf(a.err, "flux: %s: %s\n", path, flux.ErrorText(err))
	return 1
}

// pythonProgram is the interpreter for Python commands.
func pythonProgram() (string, error) {
	path, err := exec.LookPath("python3")
	if err != nil {
		return "", fmt.Errorf("python3 is not in PATH")
	}
	return path, nil
}
