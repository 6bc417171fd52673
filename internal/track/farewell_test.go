// SPDX-License-Identifier: LGPL-3.0-or-later

package track_test

import (
	"testing"

	"goflux/internal/message"
	"goflux/internal/track"
)

// Who asked a service on a broker for several things says goodbye to it once.
func TestFarewells(t *testing.T) {
	ask := func(topic string, node uint32, route string) *message.Message {
		m := message.NewRequest(topic, node, nil)
		m.Routes = []string{"link", route}
		return m
	}
	got := track.Farewells([]*message.Message{
		ask("kvs.lookup", 0, "a"), ask("kvs.commit", 0, "a"), ask("kvs.commit", 0, "b"), ask("kvs.commit", 1, "a"), ask("rexec.exec", 0, "a"),
	})
	var said []string
	for _, m := range got {
		if !m.Is(message.FlagNoResponse) {
			t.Errorf("%s asks for an answer", m.Topic)
		}
		said = append(said, m.Topic+" "+m.Routes[1])
	}
	want := []string{"kvs.disconnect a", "kvs.disconnect b", "kvs.disconnect a", "rexec.disconnect a"}
	if len(said) != len(want) {
		t.Fatalf("said %q, want %q", said, want)
	}
	for i := range want {
		if said[i] != want[i] {
			t.Errorf("said %q, want %q", said, want)
		}
	}
}
