// SPDX-License-Identifier: LGPL-3.0-or-later

package track

import "testing"

func BenchmarkTracker(b *testing.B) {
	var tr Tracker
	m := request("0f6d1f0e-5a1b-4f0e-9f5a-1b4f0e9f5a1b", "kvs.get", 1)
	m.Routes = append(m.Routes, "1f6d1f0e-5a1b-4f0e-9f5a-1b4f0e9f5a1b", "2f6d1f0e-5a1b-4f0e-9f5a-1b4f0e9f5a1b")
	for b.Loop() {
		tr.Request(m)
		tr.Response(m.Response())
	}
}
