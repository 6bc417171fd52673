// SPDX-License-Identifier: LGPL-3.0-or-later

package sched

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/constraint"
	"goflux/idset"
	"goflux/jobid"
	"goflux/jobspec"
	"goflux/rset"
)

// script drives a machine by lines of text and prints every step:
//
//	nodes HOSTS CORES [GPUS]     inventory, once or several times, first
//	property NAME RANKS
//	up|down|shrink RANKS
//	submit ID [-pN] [-tN] [-NN] [-nN] [-cN] [-gN] [-x] [-qCONSTRAINT]
//	cancel ID; free ID [RANKS] [final]; prioritize ID N
//	hello ID R | now SECONDS | expire SECONDS
//	all | allocated | down? | explain ID | forecast
type script struct {
	t      *testing.T
	config []rset.ConfigEntry
	props  [][2]string
	m      *Machine
	now    float64
	out    strings.Builder
}

func runScript(t *testing.T, lines string) string {
	t.Helper()
	s := &script{t: t}
	for _, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		if f := strings.Fields(line); len(f) > 0 {
			s.line(f[0], f[1:])
		}
	}
	return strings.TrimSpace(s.out.String())
}

func (s *script) line(verb string, args []string) {
	switch verb {
	case "nodes":
		e := rset.ConfigEntry{Hosts: args[0], Cores: args[1]}
		if len(args) > 2 {
			e.GPUs = args[2]
		}
		s.config = append(s.config, e)
		return
	case "property":
		s.props = append(s.props, [2]string{args[0], args[1]})
		return
	case "now":
		s.now, _ = strconv.ParseFloat(args[0], 64)
		return
	}
	if s.m == nil {
		s.start()
	}
	switch verb {
	case "all", "allocated", "down?":
		r := map[string]func() *rset.R{"all": s.m.All, "allocated": s.m.Allocated, "down?": s.m.Down}[verb]()
		fmt.Fprintln(&s.out, verb, r.Summary())
	case "explain":
		reason, _ := s.m.Explain(id(args[0]))
		fmt.Fprintln(&s.out, "explain", args[0], reason)
	case "forecast":
		for _, e := range s.m.Forecast(s.now, 8) {
			fmt.Fprintf(&s.out, "forecast %d at %g\n", e.ID, e.At)
		}
	default:
		s.step(s.event(verb, args))
	}
}

func (s *script) start() {
	r, err := rset.FromConfig(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, p := range s.props {
		if err := r.SetProperty(p[0], idset.MustParse(p[1])); err != nil {
			s.t.Fatal(err)
		}
	}
	s.m = New(r)
}

func (s *script) step(e Event) {
	effects, err := s.m.Step(s.now, e)
	for _, f := range effects {
		// Small ids print plainly.
		text := f.String()
		switch f := f.(type) {
		case Alloc:
			text = fmt.Sprintf("alloc %d %s", f.ID, f.Summary)
		case Deny:
			text = fmt.Sprintf("deny %d: %s", f.ID, f.Note)
		case Canceled:
			text = fmt.Sprintf("canceled %d", f.ID)
		}
		fmt.Fprintln(&s.out, text)
	}
	if err != nil {
		_, msg, _ := strings.Cut(err.Error(), ": ")
		fmt.Fprintln(&s.out, "error", msg)
	}
}

func id(s string) jobid.ID {
	n, _ := strconv.ParseUint(s, 10, 64)
	return jobid.ID(n)
}

func (s *script) event(verb string, args []string) Event {
	switch verb {
	case "up":
		return Up{idset.MustParse(args[0])}
	case "down":
		return Down{idset.MustParse(args[0])}
	case "shrink":
		return Shrink{idset.MustParse(args[0])}
	case "cancel":
		return Cancel{id(args[0])}
	case "prioritize":
		return Prioritize{id(args[0]), int64(id(args[1]))}
	case "expire":
		at, _ := strconv.ParseFloat(args[0], 64)
		return ResourceExpiration{at}
	case "hello":
		r, err := rset.Parse([]byte(args[1]))
		if err != nil {
			s.t.Fatal(err)
		}
		return Hello{id(args[0]), r}
	case "free":
		f := Free{ID: id(args[0])}
		for _, a := range args[1:] {
			if f.Final = a == "final"; !f.Final {
				f.Ranks = idset.MustParse(a)
			}
		}
		return f
	case "submit":
		return s.submit(args)
	}
	s.t.Fatalf("unknown line %s %v", verb, args)
	return nil
}

func (s *script) submit(args []string) Event {
	e := Submit{ID: id(args[0]), Priority: 16}
	var l jobspec.Layout
	duration, constr := 0.0, ""
	for _, a := range args[1:] {
		value, n := a[2:], int64(0)
		n, _ = strconv.ParseInt(value, 10, 64)
		switch a[:2] {
		case "-p":
			e.Priority = n
		case "-t":
			duration = float64(n)
		case "-N":
			l.Nodes = n
		case "-n":
			l.Tasks = n
		case "-c":
			l.CoresPerTask = n
		case "-g":
			l.GPUsPerTask = n
		case "-x":
			l.Exclusive = true
		case "-q":
			constr = value
		}
	}
	j, err := jobspec.FromCommand([]string{"true"}, l, jobspec.Options{Duration: &duration})
	if err != nil {
		s.t.Fatal(err)
	}
	if constr != "" {
		raw, err := constraint.Requires.Parse(constr)
		if err != nil {
			s.t.Fatal(err)
		}
		if err := j.SetAttr("system.constraints", jsontext.Value(raw)); err != nil {
			s.t.Fatal(err)
		}
	}
	if e.Request, err = NewRequest(j); err != nil {
		s.t.Fatal(err)
	}
	return e
}

func TestScripts(t *testing.T) {
	for _, tc := range []struct{ name, in, out string }{
		{"worst fit goes round", `
			nodes h[0-1] 0-1
			up 0-1
			submit 1
			submit 2
			submit 3
			submit 4
			submit 5
			free 3
			free 1
			allocated
		`, `
			alloc 1 rank0/core0
			alloc 2 rank1/core0
			alloc 3 rank0/core1
			alloc 4 rank1/core1
			alloc 5 rank0/core1
			allocated rank0/core1 rank1/core[0-1]
		`},
		{"the most urgent is next, then the oldest", `
			nodes h0 0
			up 0
			submit 1
			submit 2
			submit 3 -p20
			submit 4 -p20
			prioritize 2 17
			cancel 3
			free 1
			free 4
			free 2
			cancel 9
		`, `
			alloc 1 rank0/core0
			canceled 3
			alloc 4 rank0/core0
			alloc 2 rank0/core0
		`},
		{"whole nodes", `
			nodes h[0-3] 0-3
			up 0-3
			submit 1 -n1
			submit 2 -N2
			submit 3 -N2
			submit 4 -N1 -n2
			free 1
			explain 4
			free 2
		`, `
			alloc 1 rank0/core0
			alloc 2 rank[1-2]/core[0-3]
			alloc 3 rank[0,3]/core[0-3]
			explain 4 insufficient resources: need 1 node(s), 0 free, 4 in use, 0 down
			alloc 4 rank1/core[0-1]
		`},
		{"a slot lies on one node, many on many", `
			nodes h[0-2] 0-3
			up 0-2
			submit 1 -n5 -c2
			submit 2 -n2
		`, `
			alloc 1 rank[0-1]/core[0-3] rank2/core[0-1]
			alloc 2 rank2/core[2-3]
		`},
		{"GPUs", `
			nodes h[0-1] 0-3
			nodes h[2-3] 0-3 0-1
			up 0-3
			submit 1 -n1
			submit 2 -n3 -g1
			submit 3 -N2 -n2 -g1
			free 2
		`, `
			alloc 1 rank2/core0
			alloc 2 rank2/core1,gpu0 rank3/core[0-1],gpu[0-1]
			alloc 3 rank2/core1,gpu0 rank3/core0,gpu0
		`},
		{"down and up", `
			nodes h[0-1] 0-3
			submit 1 -n1
			explain 1
			up 0-1
			down 0
			submit 2 -n1
			allocated
			down?
			down 1
			submit 3 -n1
			explain 3
			free 2
			up 0
			allocated
		`, `
			explain 1 insufficient resources: need 1 slot(s), 0 free, 0 in use, 8 down
			alloc 1 rank0/core0
			alloc 2 rank1/core0
			allocated rank[0-1]/core0
			down? rank0/core[0-3]
			explain 3 insufficient resources: need 1 slot(s), 0 free, 0 in use, 8 down
			alloc 3 rank0/core1
			allocated rank0/core[0-1]
		`},
		{"what can never be is denied at once", `
			nodes h[0-1] 0-1
			nodes h[2-3] 0-1 0-1
			property debug 0-1
			property batch 2-3
			up 0-3
			submit 1 -N3 -qdebug
			submit 2 -n7 -qdebug
			submit 3 -N1 -g3 -qbatch
			submit 4 -n1 -qnone
			submit 5 -n1 -g1 -qdebug
			submit 6 -N2 -n4 -c2
			submit 7 -N3 -n3 -g1
			submit 8 -n1 -c3
			submit 9 -n1 -qbatch
		`, `
			deny 1: unsatisfiable request: need 3 exclusive node(s), only 2 eligible
			deny 2: unsatisfiable request: need 7 slot(s) of 1 core(s), only 4 such slot(s) available (total cores: 4)
			deny 3: unsatisfiable request: need 1 exclusive node(s), only 0 eligible
			deny 4: unsatisfiable request: need 1 slot(s) of 1 core(s), only 0 such slot(s) available (total cores: 0)
			deny 5: unsatisfiable request: need 1 slot(s) with 1 GPU(s) each, only 0 available (total GPUs: 0)
			deny 6: unsatisfiable request: need 2 node(s) with 4 cores each, only 0 eligible
			deny 7: unsatisfiable request: need 3 node(s) with 1 cores and 1 GPUs each, only 2 eligible
			deny 8: unsatisfiable request: need 1 slot(s) of 3 core(s), only 0 such slot(s) available (total cores: 8)
			alloc 9 rank2/core0
		`},
		{"shrinking", `
			nodes h[0-3] 0
			up 0-3
			submit 1 -N4
			submit 2 -N3
			shrink 2-3
			all
			free 1 0,2-3
			free 1 final
			submit 3 -N2
		`, `
			alloc 1 rank[0-3]/core0
			deny 2: unsatisfiable request: need 3 exclusive node(s), only 2 eligible
			all rank[0-1]/core0
			alloc 3 rank[0-1]/core0
		`},
		{"freed in parts, and mistakes", `
			nodes h[0-2] 0-1
			up 0-2
			submit 1 -N3
			submit 1 -N3
			submit 2 -N1
			free 1 1
			free 1 1
			free 1 0 final
			free 1 final
			free 1
			allocated
		`, `
			alloc 1 rank[0-2]/core[0-1]
			error job is known already
			alloc 2 rank1/core[0-1]
			error ranks not in job allocation: 1
			error ranks of job allocation not freed: 2
			error job holds no resources
			allocated rank1/core[0-1]
		`},
		{"hello", `
			nodes h[0-1] 0-1
			hello 1 {"version":1,"execution":{"R_lite":[{"rank":"0","children":{"core":"0-1"}}]}}
			hello 2 {"version":1,"execution":{"R_lite":[{"rank":"0-1","children":{"core":"1"}}]}}
			hello 3 {"version":1,"execution":{"R_lite":[{"rank":"7","children":{"core":"1"}}]}}
			hello 4 {"version":1,"execution":{"R_lite":[{"rank":"1","children":{"core":"5"}}]}}
			hello 1 {"version":1,"execution":{"R_lite":[{"rank":"1","children":{"core":"1"}}]}}
			up 0-1
			submit 5 -n2
			free 1
			allocated
		`, `
			error allocation contains resources that do not exist or belong to another job
			error allocation contains ranks not in resource pool: 7
			error allocation contains resources that do not exist or belong to another job
			error job is known already
			alloc 5 rank1/core[0-1]
			allocated rank1/core[0-1]
		`},
		{"forecast", `
			nodes h[0-1] 0-1
			up 0-1
			now 100
			submit 1 -N1 -t50
			submit 2 -N1 -t20
			submit 3 -N2 -t10
			submit 4 -N1 -t5
			submit 5 -N1 -t0
			submit 6 -N1
			explain 4
			forecast
		`, `
			alloc 1 rank0/core[0-1]
			alloc 2 rank1/core[0-1]
			explain 4 insufficient resources: need 1 node(s), 0 free, 2 in use, 0 down; 1 job(s) ahead
			forecast 3 at 150
			forecast 4 at 160
			forecast 5 at 160
		`},
		{"one that fits still waits its turn", `
			nodes h[0-1] 0-1
			up 0-1
			submit 1 -n1
			submit 2 -N2
			submit 3 -n1
			explain 3
			explain 2
		`, `
			alloc 1 rank0/core0
			explain 3 waiting for 1 job(s) ahead
			explain 2 insufficient resources: need 2 node(s), 1 free, 1 in use, 0 down
		`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var want []string
			for _, line := range strings.Split(strings.TrimSpace(tc.out), "\n") {
				want = append(want, strings.TrimSpace(line))
			}
			if got := runScript(t, tc.in); got != strings.Join(want, "\n") {
				t.Errorf("got:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
			}
		})
	}
}
