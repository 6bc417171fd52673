// SPDX-License-Identifier: LGPL-3.0-or-later

package rexec

import "testing"

func TestRegistration(t *testing.T) {
	if err := Registration().Check(); err != nil {
		t.Error(err)
	}
	for _, m := range Registration().Methods {
		if m.Allow != 0 {
			t.Errorf("%s is open to guests", m.Topic)
		}
	}
}
