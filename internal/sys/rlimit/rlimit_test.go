// SPDX-License-Identifier: LGPL-3.0-or-later

package rlimit

import (
	"syscall"
	"testing"
)

func TestNames(t *testing.T) {
	for name, want := range map[string]int{"nofile": syscall.RLIMIT_NOFILE, "core": syscall.RLIMIT_CORE} {
		if got, ok := Resource(name); !ok || got != want {
			t.Errorf("%s: %d, %v", name, got, ok)
		}
		if hard, err := Hard(want); err != nil || hard == 0 && name == "nofile" {
			t.Errorf("%s: hard limit %d, %v", name, hard, err)
		}
	}
	if _, ok := Resource("RLIMIT_CORE"); ok {
		t.Error("a name that is none was found")
	}
}
