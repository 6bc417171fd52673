// SPDX-License-Identifier: LGPL-3.0-or-later

package sigdefault

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
)

const child = "GOFLUX_TEST_SIGDEFAULT"

// TestMain lets the test run itself: what is tested ends the process.
func TestMain(m *testing.M) {
	if os.Getenv(child) == "" {
		os.Exit(m.Run())
	}
	if os.Getenv(child) == "set" {
		if err := Set(syscall.SIGALRM); err != nil {
			os.Exit(2)
		}
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGALRM)
	os.Exit(0)
}

func TestSet(t *testing.T) {
	for mode, want := range map[string]bool{"set": true, "unset": false} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), child+"="+mode)
		_ = cmd.Run()
		ws := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if died := ws.Signaled() && ws.Signal() == syscall.SIGALRM; died != want {
			t.Errorf("%s: %v", mode, cmd.ProcessState)
		}
	}
}
