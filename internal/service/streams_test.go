// SPDX-License-Identifier: LGPL-3.0-or-later

package service_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"goflux/internal/message"
	"goflux/internal/service"
)

// Streams are what a list of them is, whatever is opened, removed and left by its
// sender, in whatever order.
func TestStreamsAreAList(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var s service.Streams[int]
	type stream struct {
		sender string
		state  int
		st     *service.Stream[int]
	}
	var model []stream
	for n := range 20000 {
		sender := fmt.Sprint("client", r.IntN(5))
		switch i := r.IntN(20); {
		case i < 10:
			m := message.NewRequest("some.watch", message.NodeAny, nil)
			tag := uint32(r.IntN(100))
			m.Routes, m.Matchtag = []string{sender}, tag
			again := func(m stream) bool { return m.sender == sender && m.st.Msg.Matchtag == tag }
			model = slices.DeleteFunc(model, again)
			model = append(model, stream{sender, n, s.Add(&service.Call{Msg: m}, n)})
		case i < 19 && len(model) > 0:
			i := r.IntN(len(model))
			s.Remove(model[i].st)
			s.Remove(model[i].st) // again: nothing
			model = slices.Delete(model, i, i+1)
		case i == 19:
			var left, want []int
			s.Disconnect(sender, func(st *service.Stream[int]) { left = append(left, st.State) })
			model = slices.DeleteFunc(model, func(m stream) bool {
				if m.sender == sender {
					want = append(want, m.state)
				}
				return m.sender == sender
			})
			if !slices.Equal(left, want) {
				t.Fatalf("%s left %v, want %v", sender, left, want)
			}
		}
		var all, want []int
		for st := range s.All() {
			all = append(all, st.State)
		}
		for _, m := range model {
			want = append(want, m.state)
			if s.Find(m.sender, m.st.Msg.Matchtag) != m.st {
				t.Fatalf("stream %d is not found", m.state)
			}
		}
		if s.Len() != len(model) || !slices.Equal(all, want) {
			t.Fatalf("after %d steps: %v, want %v", n, all, want)
		}
	}
}
