// SPDX-License-Identifier: LGPL-3.0-or-later

package flux

import (
	"slices"
	"strings"
	"testing"
)

func TestSSHCommand(t *testing.T) {
	none := func(string) string { return "" }
	got, err := sshCommand("ssh://fred@host:42/run/flux/local", none)
	if err != nil || !slices.Equal(got[:5], []string{"/usr/bin/ssh", "-p", "42", "fred@host", "env"}) ||
		!strings.HasPrefix(got[5], "PATH=/run/flux/bin:") || !slices.Equal(got[6:], []string{"flux", "relay", "/run/flux/local"}) {
		t.Errorf("%q, %v", got, err)
	}
	env := map[string]string{"FLUX_SSH": "rsh", "FLUX_SSH_RCMD": "/usr/flux", "LD_LIBRARY_PATH": "/lib"}
	got, err = sshCommand("ssh://host/s", func(name string) string { return env[name] })
	if want := []string{"rsh", "host", "env", "LD_LIBRARY_PATH=/lib", "/usr/flux", "relay", "/s"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	got, err = sshCommand("ssh://host/a;b", none)
	if err != nil || got[len(got)-1] != "'/a;b'" {
		t.Errorf("%q, %v: the path is the shell's", got, err)
	}
	for _, bad := range []string{"ssh://host", "ssh:///path", "ssh://host/p?x=y", "ssh://-oProxyCommand=x/p", "ssh://-l@host/p", "ssh://host:x/p"} {
		if got, err := sshCommand(bad, none); err == nil {
			t.Errorf("%s: %q", bad, got)
		}
	}
}
