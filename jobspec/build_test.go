// SPDX-License-Identifier: LGPL-3.0-or-later

package jobspec

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

func TestFromCommandResources(t *testing.T) {
	slot := func(slots, cores string) string {
		return `{"type":"slot","count":` + slots + `,"with":[{"type":"core","count":` + cores + `}],"label":"task"}`
	}
	node := func(nodes, x, slot string) string {
		return `[{"type":"node","count":` + nodes + x + `,"with":[` + slot + `]}]`
	}
	const x = `,"exclusive":true`
	const perSlot, noOptions = `{"per_slot":1}`, ``
	for _, tc := range []struct {
		name                     string
		layout                   Layout
		resources, count, option string
	}{
		{"nothing", Layout{}, `[` + slot("1", "1") + `]`, perSlot, noOptions},
		{"-n4 -c2", Layout{Tasks: 4, CoresPerTask: 2}, `[` + slot("4", "2") + `]`, perSlot, noOptions},
		{"-N2", Layout{Nodes: 2}, node("2", x, slot("1", "1")), perSlot, noOptions},
		{"-N2 -n4", Layout{Nodes: 2, Tasks: 4}, node("2", "", slot("2", "1")), perSlot, noOptions},
		{"-N4 -n5", Layout{Nodes: 4, Tasks: 5}, node("4", "", slot("2", "1")), `{"total":5}`, noOptions},
		{"-N2 -n2 -x", Layout{Nodes: 2, Tasks: 2, Exclusive: true}, node("2", x, slot("1", "1")), perSlot, noOptions},
		{"-n1 -g2", Layout{Tasks: 1, GPUsPerTask: 2}, `[{"type":"slot","count":1,"with":[{"type":"core","count":1},{"type":"gpu","count":2}],"label":"task"}]`, perSlot, noOptions},
		{"--cores=8 --tasks-per-core=2", Layout{Cores: 8, TasksPerCore: 2}, `[` + slot("8", "1") + `]`, perSlot, `{"type":"core","count":2}`},
		{"-N2 --tasks-per-node=3", Layout{Nodes: 2, TasksPerNode: 3}, node("2", x, slot("1", "1")), perSlot, `{"type":"node","count":3}`},
		{"-N2 --cores=8", Layout{Nodes: 2, Cores: 8}, node("2", "", slot("1", "4")), perSlot, noOptions},
	} {
		j, err := FromCommand([]string{"app", "arg"}, tc.layout, Options{})
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		attrs := `{"system":{"duration":0}}`
		if tc.option != "" {
			attrs = `{"system":{"duration":0,"shell":{"options":{"per-resource":` + tc.option + `}}}}`
		}
		want := `{"resources":` + tc.resources + `,"tasks":[{"command":["app","arg"],"slot":"task","count":` +
			tc.count + `}],"attributes":` + attrs + `,"version":1}`
		if got, _ := j.MarshalJSON(); string(got) != want {
			t.Errorf("%s:\n got %s\nwant %s", tc.name, got, want)
		}
	}
}

func TestFromCommandErrors(t *testing.T) {
	for _, tc := range []struct {
		layout Layout
		want   string
	}{
		{Layout{Tasks: -1}, "task count must be a integer >= 1"},
		{Layout{CoresPerTask: -1}, "cores per task must be an integer >= 1"},
		{Layout{Nodes: 3, Tasks: 2}, "node count must not be greater than task count"},
		{Layout{Exclusive: true}, "exclusive can only be set with a node count"},
		{Layout{TasksPerNode: 1}, "must specify node or core count with per_resource"},
		{Layout{Nodes: 3, Cores: 2}, "number of cores cannot be less than nnodes"},
		{Layout{Nodes: 3, Cores: 4}, "number of cores must be evenly divisible by node count"},
		{Layout{Cores: 4, GPUsPerNode: 1}, "gpus_per_node must be specified with nnodes"},
		{Layout{Cores: 4, Tasks: 1}, "Per-resource options can't be used with per-task options."},
		{Layout{Tasks: 1 << 60}, "count 1152921504606846976 exceeds the maximum of 2147483647"},
	} {
		if _, err := FromCommand([]string{"a"}, tc.layout, Options{}); err == nil || err.Error() != tc.want {
			t.Errorf("%+v: got %v, want %s", tc.layout, err, tc.want)
		}
	}
	if _, err := FromCommand(nil, Layout{}, Options{}); err == nil {
		t.Error("no command accepted")
	}
}

func TestOptions(t *testing.T) {
	minute := 60.0
	j, err := FromCommand([]string{"app"}, Layout{}, Options{
		Duration:    &minute,
		Environment: map[string]string{"B": "2", "A": "\xff"},
		CWD:         "/tmp",
		RLimit:      map[string]int64{"nofile": 12, "cpu": -1},
		Name:        "n",
		Output:      "out", Error: "none", LabelIO: true,
		Unbuffered: true,
		Queue:      "q",
		Bank:       "b",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"system":{"duration":60.0,"environment":{"A":"` + "\uFFFD" + `","B":"2"},"cwd":"/tmp",` +
		`"shell":{"options":{"rlimit":{"cpu":-1,"nofile":12},"output":{"stdout":{"type":"file","path":"out","label":true,"buffer":{"type":"none"}},"stderr":{"buffer":{"type":"none"}},"batch-timeout":0.05},"input":{"batch-timeout":0.0}}},` +
		`"job":{"name":"n"},"queue":"q","bank":"b"}}`
	if got := string(j.Attributes()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if err := j.Validate(StrictV1); err != nil {
		t.Error(err)
	}
}

func TestFromBatch(t *testing.T) {
	j, err := FromBatch("#!/bin/sh\ntrue\n", []string{"x"}, Layout{Nodes: 2},
		Nest{BrokerOptions: []string{"-Sa=1"}, Config: jsontext.Value(`{"resource":{"noverify":true}}`)}, Options{Name: "s.sh"})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"resources":[{"type":"node","count":2,"exclusive":true,"with":[{"type":"slot","count":1,"with":[{"type":"core","count":1}],"label":"task"}]}],` +
		`"tasks":[{"command":["flux","broker","-Sa=1","-c{{tmpdir}}/conf.json","{{tmpdir}}/script","x"],"slot":"task","count":{"per_slot":1}}],` +
		`"attributes":{"system":{"duration":0,"job":{"name":"s.sh"},"shell":{"options":{"per-resource":{"type":"node"},"mpi":"none","exit-timeout":"none"}},` +
		`"files":{"conf.json":{"mode":33152,"data":{"resource":{"noverify":true}}},"script":{"mode":33216,"data":"#!/bin/sh\ntrue\n","encoding":"utf-8"}}}},"version":1}`
	if got, _ := j.MarshalJSON(); string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if _, err := FromBatch("echo", nil, Layout{}, Nest{}, Options{Name: "s"}); err == nil ||
		err.Error() != "s does not appear to start with '#!'" {
		t.Errorf("got %v", err)
	}
}

// TestBuiltIsValid: whatever a layout gives is strict version 1, survives a
// round trip, and asks for what it was told.
func TestBuiltIsValid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Layout{
			Nodes:        rapid.Int64Range(0, 20).Draw(t, "nodes"),
			Tasks:        rapid.Int64Range(0, 50).Draw(t, "tasks"),
			CoresPerTask: rapid.Int64Range(0, 9).Draw(t, "cores"),
			GPUsPerTask:  rapid.Int64Range(0, 3).Draw(t, "gpus"),
		}
		j, err := FromCommand([]string{"a"}, l, Options{})
		if err != nil {
			if l.Tasks == 0 || l.Nodes <= l.Tasks {
				t.Fatal(err)
			}
			return
		}
		raw, _ := j.MarshalJSON()
		again, err := Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Validate(StrictV1); err != nil {
			t.Fatal(err)
		}
		c, err := again.Counts()
		if err != nil {
			t.Fatal(err)
		}
		plan, err := again.TaskPlan(c)
		if err != nil {
			t.Fatal(err)
		}
		want := l.Tasks
		if want == 0 {
			want = max(l.Nodes, 1)
		}
		if plan.Total != want || c.Nodes.Min() != l.Nodes || c.TotalSlots() < want {
			t.Fatalf("%+v: %d tasks on %v nodes, %d slots", l, plan.Total, c.Nodes, c.TotalSlots())
		}
	})
}
