// SPDX-License-Identifier: LGPL-3.0-or-later

package startlog

import (
	"testing"

	"goflux/eventlog"
)

func TestRuns(t *testing.T) {
	entries, err := eventlog.Parse([]byte(
		`{"timestamp":1.0,"name":"start","context":{"version":1,"core_version":"0.1"}}` + "\n" +
			`{"timestamp":2.0,"name":"finish","context":{"version":1}}` + "\n" +
			`{"timestamp":3.0,"name":"start","context":{"version":1}}` + "\n" +
			`{"timestamp":3.5,"name":"start","context":{"version":9}}` + "\n" +
			`{"timestamp":3.6,"name":"start"}` + "\n" +
			`{"timestamp":4.0,"name":"start","context":{"version":1}}` + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	runs := Log{Version: Version}.runs(entries)
	if len(runs) != 3 || runs[0].Crashed || !runs[1].Crashed || runs[2].Crashed || runs[0].Core != "0.1" {
		t.Fatalf("%+v", runs)
	}
	if !CrashedLast(runs) || CrashedLast(runs[:1]) || CrashedLast(nil) {
		t.Error("crash")
	}
}
