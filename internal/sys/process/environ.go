// SPDX-License-Identifier: LGPL-3.0-or-later

package process

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// WithEnviron returns the processes that were started with an environment that
// has entry (NAME=VALUE), as far as that may be seen. It looks at all processes
// of the node.
func WithEnviron(entry string) []int {
	paths, _ := filepath.Glob("/proc/[0-9]*/environ")
	want := append(append([]byte{0}, entry...), 0)
	var pids []int
	for _, path := range paths {
		env, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(append([]byte{0}, env...), want) {
			continue // gone, or somebody else's
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
