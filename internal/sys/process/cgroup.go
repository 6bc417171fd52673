// SPDX-License-Identifier: LGPL-3.0-or-later

package process

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Cgroup is the directory of this process's control group (version 2), "" if
// it is in none.
func Cgroup() string {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return ""
	}
	return cgroupDir(string(b), func(dir string) bool {
		var fs unix.Statfs_t
		return unix.Statfs(dir, &fs) == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC
	})
}

// cgroupDir finds the directory for the text of /proc/self/cgroup. Where
// version 1 has the usual place, version 2 is mounted below it.
func cgroupDir(text string, isVersion2 func(dir string) bool) string {
	for line := range strings.Lines(text) {
		path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !ok {
			continue
		}
		for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
			if isVersion2(root) {
				return root + path
			}
		}
	}
	return ""
}
