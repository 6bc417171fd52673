// SPDX-License-Identifier: LGPL-3.0-or-later

package perilog

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"goflux/idset"
)

// script plays steps on a run and returns what it wanted, a line each.
func script(limits Limits, kind Kind, steps ...any) string {
	r := Start(100, kind, "f1", limits, idset.MustParse("0-3"))
	var out []string
	var show func([]Effect)
	show = func(effects []Effect) {
		for _, e := range effects {
			switch e := e.(type) {
			case Terminate:
				out = append(out, "terminate "+e.Ranks.String())
			case Drain:
				out = append(out, fmt.Sprintf("drain %s: %s", e.Ranks, e.Reason))
				show(r.Drained())
			case Over:
				text := fmt.Sprintf("over %d", e.Result.Status)
				if e.Result.Failed {
					text += fmt.Sprintf(" %s on %s", e.Result.What, e.Result.Ranks)
				}
				out = append(out, text)
			}
		}
	}
	for _, s := range steps {
		switch s := s.(type) {
		case [2]int:
			show(r.Exited(uint32(s[0]), s[1]))
		case syscall.Errno:
			rank, _ := r.Active().First()
			show(r.Failed(rank, s))
		case float64:
			show(r.Tick(s))
		case string:
			show(r.Exception(150))
		}
	}
	return strings.Join(out, "\n")
}

func all(status int) []any {
	var out []any
	for rank := range 4 {
		out = append(out, [2]int{rank, status})
	}
	return out
}

func TestRun(t *testing.T) {
	perRank := Limits{Timeout: 100, KillTimeout: 10, CancelOnException: true, PerRank: true}
	one := perRank
	one.PerRank = false
	kept := perRank
	kept.CancelOnException = false
	for name, tc := range map[string]struct {
		limits Limits
		kind   Kind
		steps  []any
		want   string
	}{
		"well":           {perRank, Prolog, all(0), "over 0"},
		"one fails":      {perRank, Prolog, append([]any{[2]int{2, 256}}, all(0)...), "drain 2: prolog failed for job f1\nover 256 prolog exited with code=1 on 2"},
		"not per rank":   {one, Epilog, append([]any{[2]int{2, 256}}, all(0)...), "over 256 epilog exited with code=1 on 2"},
		"by signal":      {one, Prolog, all(15), "over 15 prolog killed by signal 15 on 0-3"},
		"shell's signal": {one, Prolog, all(143 << 8), "over 36608 prolog killed by signal 15 on 0-3"},
		"twice":          {perRank, Prolog, append(all(0), all(256)...), "over 0"},
		"unreachable":    {perRank, Prolog, append([]any{syscall.EHOSTUNREACH}, all(0)...), "over 0"},
		"not there":      {one, Prolog, append([]any{syscall.ENOENT}, all(0)...), "over 32512 prolog exited with code=127 on 0"},
		"timeout":        {perRank, Prolog, append([]any{199.0, 200.0, 201.0, [2]int{1, 0}}, all(15)...), "terminate 0-3\ndrain 0,2-3: prolog timed out for job f1\nover 15 prolog timed out on 0,2-3"},
		"canceled":       {perRank, Prolog, append([]any{"x", "x"}, all(15)...), "terminate 0-3\nover 15"},
		"canceled, deaf": {perRank, Prolog, []any{[2]int{0, 0}, "x", [2]int{1, 15}, 159.0, 160.0, [2]int{2, 0}}, "terminate 1-3\ndrain 2-3: prolog canceled then timed out for job f1\nover 15 prolog canceled then timed out on 2-3"},
		"not canceled":   {kept, Epilog, append([]any{"x"}, all(0)...), "over 0"},
	} {
		if got := script(tc.limits, tc.kind, tc.steps...); got != tc.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, tc.want)
		}
	}
}

// Whatever happens in whatever order, a run is over exactly once, and no later
// than its limits allow.
func TestOverOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := Limits{
			Timeout: 50, KillTimeout: 5,
			CancelOnException: rapid.Bool().Draw(t, "cancel"), PerRank: rapid.Bool().Draw(t, "per rank"),
		}
		r := Start(0, Prolog, "f1", limits, idset.MustParse("0-3"))
		overs, now := 0, 0.0
		var count func([]Effect)
		count = func(effects []Effect) {
			for _, e := range effects {
				switch e.(type) {
				case Over:
					overs++
				case Drain:
					count(r.Drained())
				}
			}
		}
		for range rapid.IntRange(0, 20).Draw(t, "steps") {
			now += rapid.Float64Range(0, 10).Draw(t, "dt")
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				count(r.Exited(rapid.Uint32Range(0, 4).Draw(t, "rank"), rapid.SampledFrom([]int{0, 9, 256}).Draw(t, "status")))
			case 1:
				count(r.Failed(rapid.Uint32Range(0, 4).Draw(t, "rank"), syscall.EHOSTUNREACH))
			case 2:
				count(r.Exception(now))
			case 3:
				count(r.Tick(now))
			}
		}
		count(r.Tick(now + 50))
		count(r.Tick(now + 60))
		if overs != 1 {
			t.Fatalf("over %d times", overs)
		}
	})
}
