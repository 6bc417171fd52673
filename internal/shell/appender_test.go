// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import "testing"

// What waits for company when the request before it is answered still holds the
// shell, which would else end and take it along.
func TestPatientHolds(t *testing.T) {
	k := &brokerLink{loop: newLoop(), calls: map[*call]bool{}, streams: map[string]*appender{}}
	a := k.appender(1, 1, "output", func(err error) { t.Error(err) })
	answer := func() {
		t.Helper()
		if len(k.calls) != 1 {
			t.Fatalf("%d requests are under way", len(k.calls))
		}
		for r := range k.calls {
			delete(k.calls, r)
			r.done(nil, nil)
		}
	}
	a.add("data", struct{}{})
	a.flush()
	a.addPatient("data", struct{}{})
	answer()
	if a.flush(); len(k.calls) != 0 || k.held != 1 {
		t.Fatalf("%d requests, held %d times", len(k.calls), k.held)
	}
	k.parting = true
	a.flush()
	answer()
	if k.held != 0 {
		t.Errorf("held %d times at the end", k.held)
	}
}
