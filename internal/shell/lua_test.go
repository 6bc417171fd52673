// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"testing"

	lua "github.com/yuin/gopher-lua"
)

// A file that cannot be read is named by who wanted it, not by the system.
func TestUnreadableFile(t *testing.T) {
	state := lua.NewState()
	defer state.Close()
	_, err := state.LoadFile("/nonexistent")
	if got := luaError("/nonexistent", err); got == nil || got.Error() != "No such file or directory" {
		t.Errorf("%v", got)
	}
}
