// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import "testing"

// SetStreamLimit changes the limit of a stream, until the test ends.
func SetStreamLimit(t testing.TB, limit int64) {
	old := streamLimit
	streamLimit = limit
	t.Cleanup(func() { streamLimit = old })
}
