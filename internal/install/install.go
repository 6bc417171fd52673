// SPDX-License-Identifier: LGPL-3.0-or-later

package install

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// CoreVersion is the release of flux-core whose interfaces are served: what
// "flux version" and the version attribute tell.
const CoreVersion = "0.88.0"

// Prefix is the root of the installation that the running program is part of.
var Prefix = sync.OnceValue(func() string {
	self, err := os.Executable()
	if err != nil {
		return "/usr"
	}
	if real, err := filepath.EvalSymlinks(self); err == nil {
		self = real
	}
	return prefixOf(self)
})

// prefixOf strips what is below the prefix from a program's path.
func prefixOf(program string) string {
	dir := filepath.Dir(program)
	for _, below := range []string{"/libexec/flux/cmd", "/libexec/flux", "/bin"} {
		if p, ok := strings.CutSuffix(dir, below); ok {
			return p
		}
	}
	return dir
}

// Bin is the directory of flux itself.
func Bin() string { return filepath.Join(Prefix(), "bin") }

// Flux is the path of flux.
func Flux() string { return filepath.Join(Bin(), "flux") }

// Libexec is the directory of the programs that users do not call.
func Libexec() string { return filepath.Join(Prefix(), "libexec", "flux") }

// CommandDir is where the programs behind "flux NAME" are.
func CommandDir() string { return filepath.Join(Libexec(), "cmd") }

// Shell is the path of the job shell.
func Shell() string { return filepath.Join(Libexec(), "flux-shell") }

// Lib is the directory of modules and plugins.
func Lib() string { return filepath.Join(Prefix(), "lib", "flux") }

// Sysconf is the directory of configuration: PREFIX/etc/flux, and /etc/flux
// for a prefix that belongs to the distribution.
func Sysconf() string {
	if Prefix() == "/usr" {
		return "/etc/flux"
	}
	return filepath.Join(Prefix(), "etc", "flux")
}

// RunState is the directory of the system instance's run-time state.
const RunState = "/run/flux"

// ExecPath is where "flux NAME" looks for flux-NAME: $FLUX_EXEC_PATH first.
func ExecPath() []string {
	return append(filepath.SplitList(os.Getenv("FLUX_EXEC_PATH")), CommandDir())
}

// FindCommand returns the path of the program flux-NAME, "" when there is none.
func FindCommand(name string) string {
	if strings.Contains(name, "/") {
		return ""
	}
	for _, dir := range ExecPath() {
		for _, suffix := range []string{"", ".py"} {
			path := filepath.Join(dir, "flux-"+name+suffix)
			if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() && (st.Mode()&0o111 != 0 || suffix == ".py") {
				return path
			}
		}
	}
	return ""
}
