// SPDX-License-Identifier: LGPL-3.0-or-later

package sigdefault

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
)

const child = "GOFLUX_TEST_SIGDEFAULT"

// TestMain lets the test run itself: what is tested ends the process.
func TestMain(m *testing.M) {
	if os.Getenv(child) == "" {
		os.Exit(m.Run())
	}
	switch os.Getenv(child) {
	case "set":
		if err := Set(syscall.SIGALRM); err != nil {
			os.Exit(2)
		}
	case "panic":
		Fatal()
		defer func() {
			if recover() == nil {
				os.Exit(2)
			}
			os.Exit(0)
		}()
		var nothing *int
		*nothing = 1
	case "fatal":
		Fatal(syscall.SIGQUIT)
		n, _ := strconv.Atoi(os.Getenv(number))
		_ = syscall.Kill(os.Getpid(), syscall.Signal(n))
		select {}
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGALRM)
	os.Exit(0)
}

const number = "GOFLUX_TEST_SIGNAL"

func TestFatal(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGABRT, syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), child+"=fatal", number+"="+strconv.Itoa(int(sig)))
		_ = cmd.Run()
		if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); !ws.Signaled() || ws.Signal() != sig {
			t.Errorf("%v: %v", sig, cmd.ProcessState)
		}
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), child+"=panic")
	if err := cmd.Run(); err != nil {
		t.Errorf("a mistake of the program's is no panic: %v", err)
	}
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
