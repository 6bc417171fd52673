// SPDX-License-Identifier: LGPL-3.0-or-later

// Package test holds tests of whole instances, driven from outside as users
// drive them: by the command line, files and the local socket.
//
// They install what the tree builds into a temporary prefix. When run by root
// they go on as an ordinary user without a home or a name of its own, since an
// instance may run as any user. GOFLUX_TEST_PREFIX names an installation to
// test in place of the tree.
package test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// ordinary is the user and group that tests go on as.
const ordinary = 65534

// Names of the variables by which the first process tells the second.
const (
	prefixVariable  = "GOFLUX_TEST_PREFIX"
	scratchVariable = "GOFLUX_TEST_SCRATCH"
)

func TestMain(m *testing.M) {
	if os.Getenv(scratchVariable) != "" {
		os.Exit(m.Run())
	}
	status, err := prepared()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// prepared makes a scratch directory and an installation, and runs the tests
// there in a process of their own.
func prepared() (status int, err error) {
	scratch, err := os.MkdirTemp("", "flx")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(scratch)
	if err := os.Chmod(scratch, 0o755); err != nil {
		return 1, err
	}
	prefix := os.Getenv(prefixVariable)
	if prefix == "" {
		prefix = filepath.Join(scratch, "usr")
		if err := install(prefix); err != nil {
			return 1, err
		}
	}
	home := filepath.Join(scratch, "h")
	if err := os.Mkdir(home, 0o700); err != nil {
		return 1, err
	}
	// The user may not reach where go test put this program.
	self := filepath.Join(scratch, "tests")
	if err := copyProgram(self); err != nil {
		return 1, err
	}
	args := slices.DeleteFunc(os.Args[1:], func(arg string) bool { // only root can write it
		return strings.HasPrefix(arg, "-test.testlogfile=")
	})
	cmd := exec.Command(self, args...)
	cmd.Dir = home
	cmd.Env = append(os.Environ(), prefixVariable+"="+prefix, scratchVariable+"="+home, "HOME="+home, "TMPDIR="+home)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if os.Getuid() == 0 {
		if err := os.Chown(home, ordinary, ordinary); err != nil {
			return 1, err
		}
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: ordinary, Gid: ordinary}
	}
	err = cmd.Run()
	if cmd.ProcessState != nil && cmd.ProcessState.Exited() {
		return cmd.ProcessState.ExitCode(), nil
	}
	return 1, err
}

// install builds the tree and installs it, as a packager would.
func install(prefix string) error {
	cmd := exec.Command("make", "-s", "-C", "..", "install", "PREFIX="+prefix)
	for _, e := range os.Environ() {
		if name, _, _ := strings.Cut(e, "="); name != "MAKEFLAGS" && name != "MFLAGS" && name != "MAKELEVEL" && name != "DESTDIR" {
			cmd.Env = append(cmd.Env, e)
		}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make install: %w\n%s", err, out)
	}
	return nil
}

func copyProgram(to string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	in, err := os.Open(self)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Close()
}
