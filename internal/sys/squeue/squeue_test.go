// SPDX-License-Identifier: LGPL-3.0-or-later

package squeue

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"1-02:03:04": 26*time.Hour + 3*time.Minute + 4*time.Second,
		"2:00:00":    2 * time.Hour, "59:59": time.Hour - time.Second, "0:00": 0,
		"UNLIMITED": -1, "NOT_SET": -1, "INVALID": -1, "": -1, "5": -1, "1-2:3": 24*time.Hour + 2*time.Minute + 3*time.Second,
		"99999999999-1:2:3": -1, "-1:00": -1, "1:2:3:4": -1,
	} {
		got, limited := parse(text)
		if limited != (want >= 0) || limited && got != want {
			t.Errorf("%q: %s, %t", text, got, limited)
		}
	}
}

// fake puts a squeue into PATH.
func fake(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if script != "" {
		if err := os.WriteFile(filepath.Join(dir, "squeue"), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
}

func TestTimeLeft(t *testing.T) {
	fake(t, `case "$2" in --job=7) echo 1:30;; *) echo no such job >&2; exit 1;; esac`)
	if left, limited, err := TimeLeft(t.Context(), 7); err != nil || !limited || left != 90*time.Second {
		t.Errorf("%s %t %v", left, limited, err)
	}
	if _, _, err := TimeLeft(t.Context(), 8); err == nil || !strings.Contains(err.Error(), "squeue failed: no such job") {
		t.Errorf("a job that is not there: %v", err)
	}
	fake(t, "")
	if _, _, err := TimeLeft(t.Context(), 7); err == nil || !strings.Contains(err.Error(), "squeue not found") {
		t.Errorf("without Slurm: %v", err)
	}
}
