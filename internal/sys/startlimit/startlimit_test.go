// SPDX-License-Identifier: LGPL-3.0-or-later

package startlimit_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"goflux/internal/sys/startlimit"
)

// The test is of another package, because the imports of this one decide the
// order of initialization.

// TestLimitIsThatOfTheStart starts this test again with a soft limit below the
// hard one, which package os raises.
func TestLimitIsThatOfTheStart(t *testing.T) {
	const low = "64"
	if os.Getenv("PRINT_LIMIT") != "" {
		n, ok := startlimit.OpenFiles()
		fmt.Println("limit", n, ok)
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", "ulimit -Sn "+low+` && exec "$0" -test.run='^TestLimitIsThatOfTheStart$'`, exe)
	cmd.Env = append(os.Environ(), "PRINT_LIMIT=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "limit "+low+" true") {
		t.Errorf("started with a limit of %s, got:\n%s", low, out)
	}
}
