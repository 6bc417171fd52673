// SPDX-License-Identifier: LGPL-3.0-or-later

package test

import (
	"context"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// A broker that is given a bad configuration does not start, and says which
// file is at fault.
func TestBadConfigAtStart(t *testing.T) {
	for _, toml := range append([]string{
		"[bootstrap]\nhosts = 5\n",
		"[bootstrap]\nhosts = [ { host = \"a[\" } ]\n",
		"[bootstrap]\ndefault_port = 99999999\nhosts = [ { host = \"elsewhere\" } ]\n",
		"[tbon]\ntcp_user_timeout = \"a while\"\n",
		"[access]\nallow-guest-user = 5\n",
	}, badTOML...) {
		dir := shortDir(t)
		writeFile(t, dir, "bad.toml", toml)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		cmd := exec.CommandContext(ctx, fluxPath(), "start", "--test-size=1", "--config-path="+dir, "true")
		cmd.Dir = dir
		cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + dir, "TMPDIR=" + dir}
		// A broker that hangs must not outlive flux start.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
		r := runCommand(ctx, t, cmd, "")
		cancel()
		if r.code == 0 || strings.TrimSpace(r.stderr) == "" || strings.Contains(r.stderr, "goroutine ") {
			shown := toml
			if len(shown) > 100 {
				shown = shown[:100] + "…"
			}
			t.Errorf("start with %q: exit %d, %q", shown, r.code, r.stderr)
		}
	}
}
