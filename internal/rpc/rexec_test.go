// SPDX-License-Identifier: LGPL-3.0-or-later

package rpc

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"goflux/internal/message"
)

// Whatever the data, it comes back, and is not much longer on the way.
func TestIORoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOf(rapid.Byte()).Draw(t, "data")
		if rapid.Bool().Draw(t, "zeros") {
			data = append(data, make([]byte, 200)...)
		}
		io := NewIO("stdout", "0", data, false)
		b, err := message.Marshal(io)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > 6*min(len(data), 64)+2*len(data)+100 {
			t.Fatalf("%d bytes became %d", len(data), len(b))
		}
		var back IO
		if err := message.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		if got, err := back.Bytes(); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("got %q, %v", got, err)
		}
	})
}

func TestIOErrors(t *testing.T) {
	for _, io := range []IO{{Encoding: "base64", Data: "!"}, {Encoding: "latin1"}} {
		if _, err := io.Bytes(); err == nil {
			t.Errorf("%+v: no error", io)
		}
	}
}
