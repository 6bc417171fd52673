// SPDX-License-Identifier: LGPL-3.0-or-later

package track

import (
	"testing"

	"goflux/internal/message"
)

func request(sender, topic string, tag uint32) *message.Message {
	m := message.NewRequest(topic, message.NodeAny, nil)
	m.Matchtag, m.Routes = tag, []string{sender}
	return m
}

// One who claims to pass on what another has sent does not answer for the other.
func TestTrackerKnowsSenders(t *testing.T) {
	var tr Tracker
	mine, forged := request("x", "kvs.get", 1), request("x", "kvs.get", 1)
	mine.Routes = append(mine.Routes, "broker")
	forged.Routes = append(forged.Routes, "y", "broker")
	tr.Request(mine)
	tr.Request(forged)
	if tr.Len() != 2 || !tr.Forget(forged) || !tr.Forget(mine) {
		t.Errorf("%d requests kept", tr.Len())
	}
}

// A request is pending until its last answer, or until its sender says farewell
// to the service.
func TestTracker(t *testing.T) {
	var tr Tracker
	a, b, other := request("x", "kvs.get", 1), request("x", "kvs.watch", 2), request("x", "job.watch", 3)
	b.Flags |= message.FlagStreaming
	mine := request("y", "kvs.get", 1)
	for _, m := range []*message.Message{a, b, other, mine, request("x", "log.append", message.MatchtagNone)} {
		tr.Request(m)
	}
	if tr.Len() != 4 {
		t.Fatalf("%d pending", tr.Len())
	}
	tr.Response(b.Response()) // one of a stream's
	tr.Response(a.Response())
	if tr.Len() != 3 {
		t.Errorf("%d pending after an answer", tr.Len())
	}
	bye := request("x", "kvs.disconnect", message.MatchtagNone)
	bye.Flags |= message.FlagNoResponse
	tr.Request(bye)
	if left := tr.Drain(); len(left) != 2 || left[0].Topic != "job.watch" || left[1].Sender() != "y" {
		t.Errorf("left after the farewell: %v", left)
	}
	// What was drained is answered by who drained it.
	if tr.Forget(mine) || !tr.Forget(request("x", "log.append", message.MatchtagNone)) {
		t.Error("a request would be answered twice, or never")
	}
}
