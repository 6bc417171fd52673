// SPDX-License-Identifier: LGPL-3.0-or-later

package process

import "testing"

func TestCgroupDir(t *testing.T) {
	const hybrid = "2:cpu:/\n1:name=systemd:/user.slice\n0::/user.slice/a\n"
	for _, tc := range []struct{ text, mounted, want string }{
		{"0::/user.slice\n", "/sys/fs/cgroup", "/sys/fs/cgroup/user.slice"},
		{hybrid, "/sys/fs/cgroup/unified", "/sys/fs/cgroup/unified/user.slice/a"},
		{hybrid, "nowhere", ""},
		{"2:cpu:/\n", "/sys/fs/cgroup", ""},
	} {
		if got := cgroupDir(tc.text, func(dir string) bool { return dir == tc.mounted }); got != tc.want {
			t.Errorf("%q with version 2 on %s: %q, want %q", tc.text, tc.mounted, got, tc.want)
		}
	}
}
