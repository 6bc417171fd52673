// SPDX-License-Identifier: LGPL-3.0-or-later

package userdb

import "testing"

func TestRoot(t *testing.T) {
	if id, ok := ID("root"); !ok || id != 0 {
		t.Errorf("ID(root) = %d, %v", id, ok)
	}
	if name := Name(0); name != "root" {
		t.Errorf("Name(0) = %q", name)
	}
}

func TestUnknown(t *testing.T) {
	const nobody = 4294901234
	if name := Name(nobody); name != "4294901234" {
		t.Errorf("Name(%d) = %q", uint32(nobody), name)
	}
	for _, name := range []string{"no-such-user-here", "", "-x"} {
		if id, ok := ID(name); ok {
			t.Errorf("ID(%q) = %d", name, id)
		}
	}
}

func TestParse(t *testing.T) {
	if name, number, ok := parse("alice:x:1001:1001:A,,,:/home/alice:/bin/sh\n"); !ok || name != "alice" || number != "1001" {
		t.Error(name, number, ok)
	}
	for _, line := range []string{"", "alice", "alice:x:1", ":x:1:2"} {
		if _, _, ok := parse(line); ok {
			t.Errorf("%q was accepted", line)
		}
	}
}
