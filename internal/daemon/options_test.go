// SPDX-License-Identifier: LGPL-3.0-or-later

package daemon

import "testing"

func TestUnknownOption(t *testing.T) {
	for arg, want := range map[string]string{"--xx": "unrecognized option '--xx'", "-vz": "unrecognized option '-z'"} {
		if _, err := parseOptions([]string{arg}); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", arg, err, want)
		}
	}
}
