// SPDX-License-Identifier: LGPL-3.0-or-later

package test

import (
	"strings"
	"testing"
)

// A job does not wait for a shell that was killed, whichever it is.
func TestKilledShell(t *testing.T) {
	c := start(t, 2)
	for _, rank := range []string{"0", "1"} {
		// Not before all shells are past their last barrier, which is another case.
		script := `until flux job eventlog -p exec $FLUX_JOB_ID | grep -q shell.start; do sleep 0.05; done
test $FLUX_TASK_RANK != ` + rank + ` || { kill -KILL $PPID; exit; }; sleep 1000`
		r := c.flux("run", "-N2", "-n2", "-o", "exit-on-error", "sh", "-c", script)
		if want := "shell rank " + rank + " (on "; r.code == 0 || !strings.Contains(r.stderr, want) || !strings.Contains(r.stderr, "Killed") {
			t.Errorf("shell %s: exit %d, %q", rank, r.code, r.stderr)
		}
	}
}
