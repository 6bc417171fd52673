// SPDX-License-Identifier: LGPL-3.0-or-later

package policy

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goflux/internal/message"
	"goflux/jobspec"
)

// conf reads a configuration as JSON: whole numbers are integers as in TOML.
func conf(t *testing.T, text string) map[string]any {
	t.Helper()
	var c map[string]any
	if err := message.Unmarshal([]byte(text), &c); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return c
}

func parse(t *testing.T, text string) *Policy {
	t.Helper()
	p, err := Parse(conf(t, text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return p
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		`{"policy":{"foo":1}}`:                                          "[policy] config table: unknown key 'foo'",
		`{"policy":3}`:                                                  "[policy] config table: not a table",
		`{"policy":{"jobspec":{"foo":1}}}`:                              "unknown key",
		`{"policy":{"jobspec":{"defaults":{"foo":1}}}}`:                 "unknown key",
		`{"policy":{"jobspec":{"defaults":{"system":{"foo":1}}}}}`:      "unknown key",
		`{"policy":{"jobspec":{"defaults":{"system":{"duration":1}}}}}`: "not a valid FSD",
		`{"policy":{"jobspec":{"defaults":{"system":{"queue":1}}}}}`:    "not a string",
		`{"policy":{"jobspec":{"defaults":{"system":{"queue":"x"}}}}}`:  "default queue 'x' is not configured",
		`{"policy":{"limits":{"duration":1}}}`:                          "not a valid FSD",
		`{"policy":{"limits":{"job-size":{"mid":{}}}}}`:                 "unknown key 'mid'",
		`{"policy":{"limits":{"job-size":{"max":{"nnodes":-2}}}}}`:      "values must be >= -1",
		`{"policy":{"limits":{"job-size":{"max":{"nnodes":1.5}}}}}`:     "not an integer",
		`{"policy":{"access":{"allow-user":[1]}}}`:                      "'allow-user' must be a string array",
		`{"queues":1}`:                          "[queues] config table: not a table",
		`{"queues":{"x":1}}`:                    "[queues.x] config table: not a table",
		`{"queues":{"x":{"policy":{"foo":1}}}}`: "[queues.x.policy] config table: unknown key",
		`{"queues":{"x":{"policy":{"jobspec":{"defaults":{"system":{"queue":"x"}}}}}}}`: "must not define a default queue",
		`{"queues":{"x":{"requires":["a|b"]}}}`:                                         "'requires' must be an array of property strings",
		`{"queues":{"x":{"requires":"a"}}}`:                                             "'requires' must be an array of property strings",
		`{"queues":{"x":{"parent":"x"}}}`:                                               "parent queue is itself",
		`{"queues":{"x":{"parent":"y"}}}`:                                               "parent queue 'y' is not configured",
		`{"queues":{"x":{"parent":"y"},"y":{"parent":"z"},"z":{}}}`:                     "itself a virtual queue",
		`{"queues":{"x":{"parent":"y","requires":["a"]},"y":{}}}`:                       "must not set 'requires'",
		`{"queues":{"x":{"parent":"y","policy":{"scheduler":{}}},"y":{}}}`:              "must not set 'policy.scheduler'",
		`{"queues":{"x":{"parent":1}}}`:                                                 "'parent' must be a string",
	} {
		_, err := Parse(conf(t, text))
		if !errors.Is(err, syscall.EINVAL) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want EINVAL with %q", text, err, want)
		}
	}
}

const site = `{
	"policy": {"jobspec":{"defaults":{"system":{"duration":"1m","queue":"debug"}}},
		"limits":{"duration":"2h","job-size":{"max":{"nnodes":3,"ncores":6},"min":{"ncores":2}}}},
	"queues": {
		"debug": {"requires":["debug"],"policy":{"limits":{"duration":"30m"}}},
		"batch": {"requires":["batch","big"],"policy":{
			"limits":{"duration":"0","job-size":{"max":{"ncores":-1}}},"jobspec":{"defaults":{"system":{"duration":"8h"}}}}},
		"fast": {"parent":"batch","policy":{"limits":{"duration":"1h"}}}}}`

func spec(t *testing.T, attributes string) *jobspec.Jobspec {
	t.Helper()
	s, err := jobspec.Parse([]byte(`{"version":1,"resources":[{"type":"slot","count":1,"with":[{"type":"core","count":1}],"label":"t"}],` +
		`"tasks":[{"command":["true"],"slot":"t","count":{"per_slot":1}}],"attributes":` + attributes + `}`))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFill(t *testing.T) {
	p := parse(t, site)
	if d := cmp.Diff([]string{"batch", "debug", "fast"}, p.Queues()); d != "" {
		t.Error(d)
	}
	if p.Parent("fast") != "batch" || p.Parent("batch") != "" || p.Parent("no") != "" {
		t.Error("parents")
	}
	for attrs, want := range map[string]string{
		`{"system":{"duration":0}}`:                 `{"system":{"duration":60.0,"queue":"debug","constraints":{"properties":["debug"]}}}`,
		`{"system":{"duration":5}}`:                 `{"system":{"duration":5,"queue":"debug","constraints":{"properties":["debug"]}}}`,
		`{"system":{"duration":0,"queue":"batch"}}`: `{"system":{"duration":28800.0,"queue":"batch","constraints":{"properties":["batch","big"]}}}`,
		`{"system":{"duration":0,"queue":"fast"}}`:  `{"system":{"duration":28800.0,"queue":"fast","constraints":{"properties":["batch","big"]}}}`,
		`{"system":{"duration":5,"queue":"batch","constraints":{"properties":["big","new"]}}}`: `{"system":{"duration":5,"queue":"batch","constraints":{"properties":["big","new","batch"]}}}`,
		`{"system":{"duration":5,"queue":"debug","constraints":{"hostlist":["a"]}}}`:           `{"system":{"duration":5,"queue":"debug","constraints":{"and":[{"hostlist":["a"]},{"properties":["debug"]}]}}}`,
	} {
		s := spec(t, attrs)
		if err := p.Defaults(s); err != nil {
			t.Errorf("%s: %v", attrs, err)
		}
		if err := p.Constrain(s); err != nil {
			t.Errorf("%s: %v", attrs, err)
		}
		if d := cmp.Diff(conf(t, want), conf(t, string(s.Attributes()))); d != "" {
			t.Errorf("%s (-want +got):\n%s", attrs, d)
		}
	}
	nope := spec(t, `{"system":{"duration":0,"queue":"nope"}}`)
	for _, err := range []error{p.Defaults(nope), p.Constrain(nope)} {
		if !errors.Is(err, syscall.EPERM) || err.Error() != "Invalid queue 'nope' specified" {
			t.Errorf("unknown queue: %v", err)
		}
	}
	if err := parse(t, `{"queues":{"x":{}}}`).Defaults(spec(t, `{"system":{"duration":0}}`)); err == nil || err.Error() != "no queue specified" {
		t.Errorf("no queue: %v", err)
	}
	none := &Policy{}
	if Fills(nil) || !Fills(conf(t, site)) || none.Defaults(nope) != nil {
		t.Error("a policy that says nothing")
	}
}

func TestLimits(t *testing.T) {
	p := parse(t, site)
	const inf = 0
	for _, tc := range []struct {
		queue   string
		seconds float64
		want    string
	}{
		{"", 7200, ""},
		{"", 7201, "requested duration (2.00028h) exceeds policy limit of 2h"},
		{"debug", 3600, "requested duration (1h) exceeds policy limit of 30m for queue debug"},
		{"debug", inf, "requested duration (unlimited) exceeds policy limit of 30m for queue debug"},
		{"batch", inf, ""},
		{"fast", 3601, "requested duration (1.00028h) exceeds policy limit of 1h for queue fast"},
	} {
		if err := p.Duration(tc.queue, tc.seconds); !says(err, tc.want) {
			t.Errorf("%s %g: %v, want %q", tc.queue, tc.seconds, err, tc.want)
		}
	}
	counts := func(nodes, slots, cores int64) jobspec.Counts {
		return jobspec.Counts{Nodes: jobspec.Fixed(nodes), Slots: jobspec.Fixed(slots), CoresPerSlot: cores}
	}
	for _, tc := range []struct {
		queue string
		c     jobspec.Counts
		want  string
	}{
		{"debug", counts(4, 1, 1), "requested nnodes (4) exceeds policy limit of 3 for queue debug"},
		{"debug", counts(3, 1, 1), ""},
		{"", counts(1, 7, 1), "requested ncores (7) exceeds policy limit of 6"},
		{"batch", counts(1, 70, 1), ""},
		{"fast", counts(1, 70, 1), ""},
		{"fast", counts(1, 1, 1), "requested ncores (1) is under policy limit of 2 for queue fast"},
	} {
		if err := p.Size(tc.queue, tc.c); !says(err, tc.want) {
			t.Errorf("%s %+v: %v, want %q", tc.queue, tc.c, err, tc.want)
		}
	}
	if !p.SizeLimited("fast") || parse(t, `{"policy":{"limits":{"duration":"1h"}}}`).SizeLimited("") {
		t.Error("SizeLimited")
	}
}

func says(err error, want string) bool {
	if want == "" {
		return err == nil
	}
	return errors.Is(err, syscall.EINVAL) && err.Error() == want
}
