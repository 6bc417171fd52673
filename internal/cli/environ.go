// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"goflux/internal/install"
)

// installPaths are the directories of an installation that the environment of
// commands names.
type installPaths struct {
	bin, cmd, modules, connectors, python, lua, luaC, man string
}

func findInstall() installPaths {
	prefix := install.Prefix()
	return installPaths{
		bin:        install.Bin(),
		cmd:        install.CommandDir(),
		modules:    filepath.Join(install.Lib(), "modules"),
		connectors: filepath.Join(install.Lib(), "connectors"),
		python:     filepath.Join(install.Lib(), "python3"),
		lua:        filepath.Join(prefix, "share/lua/5.1/?.lua"),
		luaC:       filepath.Join(prefix, "lib/lua/5.1/?.so"),
		man:        filepath.Join(prefix, "share/man"),
	}
}

// environVariable is one variable of the environment of commands.
type environVariable struct{ name, value string }

// commandEnvironment is what flux-environment(7), "sub-command environment",
// sets, computed from the present environment. python adds PYTHONPATH, as
// flux env and flux python do.
func commandEnvironment(in installPaths, getenv func(string) string, python bool) []environVariable {
	colon := func(name, own string) environVariable {
		return environVariable{name, joinPaths(":", getenv(name+"_PREPEND"), own, getenv(name))}
	}
	lua := func(name, own string) environVariable {
		return environVariable{name, joinPaths(";", getenv("FLUX_"+name+"_PREPEND"), own, getenv(name)) + ";;;"}
	}
	vars := []environVariable{
		colon("FLUX_EXEC_PATH", in.cmd),
		colon("FLUX_MODULE_PATH", in.modules),
		colon("FLUX_CONNECTOR_PATH", in.connectors),
		lua("LUA_PATH", in.lua),
		lua("LUA_CPATH", in.luaC),
		{"MANPATH", manPath(in.man, getenv("MANPATH"))},
		{"PATH", searchPath(in.bin, getenv("PATH"))},
	}
	for _, name := range [...]string{"FLUX_RC_EXTRA", "FLUX_SHELL_RC_PATH"} {
		if path := getenv(name); path != "" {
			vars = append(vars, environVariable{name, joinPaths(":", path)})
		}
	}
	first := getenv("FLUX_PYTHONPATH_PREPEND")
	switch {
	case python:
		vars = append(vars, environVariable{"PYTHONPATH", joinPaths(":", first, in.python, getenv("PYTHONPATH"))})
	case first != "":
		vars = append(vars, environVariable{"PYTHONPATH", joinPaths(":", first, getenv("PYTHONPATH"))})
	}
	if uri := getenv("FLUX_URI"); uri != "" {
		vars = append(vars, environVariable{"FLUX_URI", uri})
	}
	return vars
}

// joinPaths joins search paths, dropping empty and repeated elements.
func joinPaths(sep string, paths ...string) string {
	var all []string
	for _, p := range paths {
		for dir := range strings.SplitSeq(p, sep) {
			if dir != "" && !slices.Contains(all, dir) {
				all = append(all, dir)
			}
		}
	}
	return strings.Join(all, sep)
}

// manPath puts own first. A trailing colon stands for the system's own pages,
// which a search path that was not set must still find.
func manPath(own, path string) string {
	joined := joinPaths(":", own, path)
	if path == "" || strings.HasSuffix(path, ":") {
		joined += ":"
	}
	return joined
}

// searchPath makes sure that children who call flux get this one: its
// directory goes in front of the first that holds another flux, or to the end.
func searchPath(bin, path string) string {
	dirs := strings.Split(path, ":")
	for i, dir := range dirs {
		if dir == bin {
			return path
		}
		if isExecutable(filepath.Join(dir, "flux")) {
			if sameFile(filepath.Join(dir, "flux"), filepath.Join(bin, "flux")) {
				return path
			}
			return strings.Join(slices.Insert(dirs, i, bin), ":")
		}
	}
	if path == "" {
		return bin
	}
	return path + ":" + bin
}

func sameFile(a, b string) bool {
	sa, errA := os.Stat(a)
	sb, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(sa, sb)
}

// isExecutable tells whether path is a program.
func isExecutable(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0
}

// setEnvironment prepares this process's environment for its children.
func setEnvironment() error { return applyEnvironment(false) }

func applyEnvironment(python bool) error {
	for _, v := range commandEnvironment(findInstall(), os.Getenv, python) {
		if err := os.Setenv(v.name, v.value); err != nil {
			return fmt.Errorf("set %s: %w", v.name, err)
		}
	}
	return nil
}

// printEnvironment shows what was set, for flux -v.
func printEnvironment(w io.Writer) {
	for _, v := range commandEnvironment(findInstall(), os.Getenv, false) {
		fmt.Fprintf(w, "%s=%s\n", v.name, v.value)
	}
}
