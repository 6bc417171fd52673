// SPDX-License-Identifier: LGPL-3.0-or-later

package job

import "testing"

func TestAmended(t *testing.T) {
	w := newWorld(t)
	j := w.submit(16)
	log := `{"timestamp":1.0,"name":"resource-update","context":{"expiration":5}}
{"timestamp":2.0,"name":"clean"}
{"timestamp":3.0,"name":"jobspec-update","context":{"attributes.system.duration":60.0}}
{"timestamp":4.0,"name":"resource-update","context":{"expiration":"soon"}}
`
	a := j.Amended([]byte(log))
	if *a.Expiration != 5 || a.Facts().Duration != 60 || a.State != j.State {
		t.Errorf("amended: expiration %v, duration %v, state %s", *a.Expiration, a.Facts().Duration, a.State)
	}
	if j.Expiration != nil || j.Facts().Duration != 0 {
		t.Error("the job itself was changed")
	}
	if j.Amended(nil) != j || j.Amended([]byte("foobar")) != j {
		t.Error("nothing to amend made another job")
	}
}
