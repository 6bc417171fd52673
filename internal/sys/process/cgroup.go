// SPDX-License-Identifier: LGPL-3.0-or-later

package process

import (
	"os"
	"strings"
)

// Cgroup is the directory of this process's control group (version 2), "" if
// it is in none.
func Cgroup() string {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return "/sys/fs/cgroup" + path
		}
	}
	return ""
}
