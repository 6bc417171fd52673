// SPDX-License-Identifier: LGPL-3.0-or-later

package multiprog

import (
	"fmt"
	"strings"
	"testing"
)

func TestCommand(t *testing.T) {
	c, err := Read("x.conf", strings.NewReader(`
# programs
*	other %t %o
4-6,9	three
1,7 echo "task %t" of%o # a comment
`))
	if err != nil {
		t.Fatal(err)
	}
	for rank, want := range map[uint32][]string{
		0: {"other", "0", "0"}, 1: {"echo", "task 1", "of0"}, 7: {"echo", "task 7", "of1"}, 9: {"three"}, 1000: {"other", "1000", "1000"},
	} {
		if got, err := c.Command(rank); err != nil || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Errorf("task %d: %q, %v, want %q", rank, got, err, want)
		}
	}
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"0 a\n1-0 b":        "x.conf: line 2: invalid idset: 1-0",
		"0-1 echo \"a":      "No closing quotation",
		"0-1":               "line 1: no command for tasks 0-1",
		"\n\n-1 a":          "line 3: invalid idset: -1",
		"0-99999999999 a\n": "line 1: invalid idset",
	} {
		if _, err := Read("x.conf", strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	c, err := Read("x.conf", strings.NewReader("0-1 a"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Command(2); err == nil || err.Error() != "x.conf: No matching line for rank 2" {
		t.Errorf("task 2: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("0-1 a b\n* c")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Read("x", strings.NewReader(text))
		if err != nil {
			return
		}
		if cmd, err := c.Command(3); err == nil && len(cmd) == 0 {
			t.Errorf("%q: an empty command", text)
		}
	})
}
