// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"errors"
	"syscall"
	"testing"

	"goflux/treeobj"
)

// What a key of the view is asked for as is refused as the KVS refuses it.
func TestViewKinds(t *testing.T) {
	for _, tc := range []struct {
		object treeobj.Object
		flags  int
		want   error
	}{
		{treeobj.Val{}, 0, nil},
		{treeobj.Val{}, kvsReaddir, syscall.ENOTDIR},
		{treeobj.Val{}, kvsReadlink, syscall.EINVAL},
		{&treeobj.Dir{}, 0, syscall.EISDIR},
		{&treeobj.Dir{}, kvsReaddir, nil},
		{&treeobj.Dir{}, kvsReadlink, syscall.EINVAL},
		{&treeobj.Dir{}, kvsTreeobj, nil},
	} {
		if err := kindError(tc.object, tc.flags); !errors.Is(err, tc.want) {
			t.Errorf("%T with flags %d: %v, want %v", tc.object, tc.flags, err, tc.want)
		}
	}
}
