// SPDX-License-Identifier: LGPL-3.0-or-later

package install

import "path/filepath"

// Builtin returns a value that programs ask their installation for by key
// ("flux config builtin", broker.conf-builtin); false for an unknown key.
func Builtin(key string) (string, bool) {
	prefix := Prefix()
	switch key {
	case "confdir":
		return Sysconf(), true
	case "libexecdir":
		return Libexec(), true
	case "datadir":
		return filepath.Join(prefix, "share", "flux"), true
	case "lua_cpath_add":
		return filepath.Join(prefix, "lib/lua/5.1/?.so"), true
	case "lua_path_add":
		return filepath.Join(prefix, "share/lua/5.1/?.lua"), true
	case "python_path":
		return filepath.Join(Lib(), "python3"), true
	case "python_wrapper":
		return filepath.Join(CommandDir(), "py-runner.py"), true
	case "man_path":
		return filepath.Join(prefix, "share/man"), true
	case "exec_path":
		return CommandDir(), true
	case "connector_path":
		return filepath.Join(Lib(), "connectors"), true
	case "module_path":
		return filepath.Join(Lib(), "modules"), true
	case "rc1_path":
		return RC1, true
	case "rc3_path":
		return RC3, true
	case "cmdhelp_pattern":
		return filepath.Join(prefix, "share/flux/help.d/*.json"), true
	case "pmi_library_path":
		return filepath.Join(Lib(), "libpmi.so"), true
	case "shell_path":
		return Shell(), true
	case "shell_pluginpath":
		return filepath.Join(Lib(), "shell/plugins"), true
	case "shell_initrc":
		return filepath.Join(Sysconf(), "shell/initrc.lua"), true
	case "jobtap_pluginpath":
		return filepath.Join(Lib(), "job-manager/plugins"), true
	case "upmi_pluginpath":
		return filepath.Join(Lib(), "upmi/plugins"), true
	case "no_docs_path":
		return filepath.Join(prefix, "share/flux/.nodocs"), true
	case "rundir":
		return RunState, true
	}
	return "", false
}

// RC1 and RC3 are the default commands that bring an instance up and down.
const (
	RC1 = "flux modprobe rc1"
	RC3 = "flux modprobe rc3"
)
