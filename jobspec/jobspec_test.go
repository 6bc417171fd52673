// SPDX-License-Identifier: LGPL-3.0-or-later

package jobspec

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

// spec is a jobspec with the given parts; empty ones are ordinary.
func spec(resources, tasks, attributes string) string {
	if resources == "" {
		resources = `[{"type":"slot","count":1,"label":"task","with":[{"type":"core","count":1}]}]`
	}
	if tasks == "" {
		tasks = `[{"command":["app"],"slot":"task","count":{"per_slot":1}}]`
	}
	if attributes == "" {
		attributes = `{"system":{"duration":0}}`
	}
	return `{"resources":` + resources + `,"tasks":` + tasks + `,"attributes":` + attributes + `,"version":1}`
}

func mustParse(t *testing.T, s string) *Jobspec {
	t.Helper()
	j, err := Parse([]byte(s))
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return j
}

// TestExampleRFC25 is the example of RFC 25.
func TestExampleRFC25(t *testing.T) {
	j, err := FromYAML([]byte(`
version: 1
resources:
  - type: node
    count: 4
    with:
      - type: slot
        count: 1
        label: default
        with:
          - type: core
            count: 2
tasks:
  - command: [ "app" ]
    slot: default
    count:
      per_slot: 1
attributes:
  system:
    duration: 3600.
    cwd: "/home/flux"
    environment:
      HOME: "/home/flux"
`))
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Validate(StrictV1); err != nil {
		t.Fatal(err)
	}
	c, err := j.Counts()
	if err != nil {
		t.Fatal(err)
	}
	plan, err := j.TaskPlan(c)
	if err != nil {
		t.Fatal(err)
	}
	env, err := j.Environment()
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintln(c.Nodes, c.Slots, c.CoresPerSlot, c.GPUsPerSlot, c.TotalSlots(), c.TotalCores(),
		plan.Total, j.Duration(), j.CWD(), *env["HOME"], j.Command(), j.JobName())
	if want := "4 1 2 0 4 8 4 3600 /home/flux /home/flux [app] app\n"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	want := `{"resources": [{"type": "node", "count": 4, "with": [{"type": "slot", "count": 1, "label": "default", "with": [{"type": "core", "count": 2}]}]}], "tasks": [{"command": ["app"], "slot": "default", "count": {"per_slot": 1}}], "attributes": {"system": {"duration": 3600.0, "cwd": "/home/flux", "environment": {"HOME": "/home/flux"}}}, "version": 1}`
	if j.String() != want {
		t.Errorf("got  %s\nwant %s", j, want)
	}
}

func TestParseErrors(t *testing.T) {
	deep := strings.Repeat(`[{"type":"x","count":1,"with":`, MaxDepth+1) + `[]` + strings.Repeat(`}]`, MaxDepth+1)
	wide := `[` + strings.Repeat(`{"type":"x","count":1},`, MaxVertices) + `{"type":"x","count":1}]`
	for _, tc := range []struct{ in, want string }{
		{``, `invalid JSON: `},
		{`{`, `invalid JSON: `},
		{`{"version":1,"version":1}`, `invalid JSON: `},
		{`[]`, `jobspec must be a JSON object`},
		{`{"resources":[],"tasks":[],"version":1}`, `Missing key (attributes)`},
		{`{"resources":[],"attributes":{},"version":1}`, `Missing key (tasks)`},
		{`{"tasks":[],"attributes":{},"version":1}`, `Missing key (resources)`},
		{`{"resources":[],"tasks":[],"attributes":{}}`, `Missing key (version)`},
		{`{"foo":1}`, `Extraneous key (foo)`},
		{`{"version":4.2}`, `version: must be an integer (got 4.2)`},
		{`{"version":{"foo":1}}`, `version: must be an integer (got {"foo":1})`},
		{`{"version":0}`, `version: must be >= 1`},
		{`{"resources":{}}`, `resources: must be an array`},
		{`{"tasks":{}}`, `tasks: must be an array`},
		{`{"attributes":null}`, `attributes: must be an object`},
		{spec(`[7]`, ``, ``), `resources[0]: must be an object`},
		{spec(`[{"count":1}]`, ``, ``), `resources[0]: type is a required key for resources`},
		{spec(`[{"type":1,"count":1}]`, ``, ``), `resources[0].type: must be a string`},
		{spec(`[{"type":"node"}]`, ``, ``), `resources[0]: count is a required key for resources`},
		{spec(`[{"type":"slot","count":1}]`, ``, ``), `resources[0]: slots must have labels`},
		{spec(`[{"type":"node","count":1,"with":{}}]`, ``, ``), `resources[0].with: must be an array`},
		{spec(`[{"type":"node","count":1,"with":[{"type":"core","count":0}]}]`, ``, ``), `resources[0].with[0].count: core count must be >= 1 (got 0)`},
		{spec(`[{"type":"node","count":1,"exclusive":"blah"}]`, ``, ``), `resources[0].exclusive: must be a boolean`},
		{spec(`[{"type":"node","count":1,"unit":1}]`, ``, ``), `resources[0].unit: must be a string`},
		{spec(`[{"type":"node","count":1,"id":[]}]`, ``, ``), `resources[0].id: must be a string`},
		{spec(deep, ``, ``), `: resource nesting exceeds limit of 100`},
		{spec(wide, ``, ``), `resources[10000]: more than 10000 resources`},
		{spec(``, `[1]`, ``), `tasks[0]: must be an object`},
		{spec(``, `[{"slot":"task","count":{"per_slot":1}}]`, ``), `tasks[0]: Missing key (command)`},
		{spec(``, `[{"command":["a"],"count":{"per_slot":1}}]`, ``), `tasks[0]: Missing key (slot)`},
		{spec(``, `[{"command":["a"],"slot":"task"}]`, ``), `tasks[0]: Missing key (count)`},
		{spec(``, `[{"command":"a","slot":"task","count":{"per_slot":1}}]`, ``), `tasks[0].command: command must be a list of strings`},
		{spec(``, `[{"command":[],"slot":"task","count":{"per_slot":1}}]`, ``), `tasks[0].command: command array cannot have length of zero`},
		{spec(``, `[{"command":["a",1],"slot":"task","count":{"per_slot":1}}]`, ``), `tasks[0].command[1]: must be a string`},
		{spec(``, `[{"command":["a"],"slot":"task","count":{}}]`, ``), `tasks[0].count: count must have exactly one key set`},
		{spec(``, `[{"command":["a"],"slot":"task","count":{"per_slot":1,"total":1}}]`, ``), `tasks[0].count: count must have exactly one key set`},
		{spec(``, `[{"command":["a"],"slot":"task","count":{"per_slot":0}}]`, ``), `tasks[0].count.per_slot: must be > 0`},
		{spec(``, `[{"command":["a"],"slot":"task","count":{"total":1152921504606846976}}]`, ``), `tasks[0].count.total: exceeds the maximum of 2147483647`},
		{spec(``, `[{"command":["a"],"slot":"task","count":{"foo":1}}]`, ``), `tasks[0].count: per_slot, per_resource, or total must be set`},
	} {
		_, err := Parse([]byte(tc.in))
		if err == nil || !strings.Contains(err.Error(), tc.want) || !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%.90s:\n got %v\nwant %s", tc.in, err, tc.want)
		}
	}
}

func TestValidate(t *testing.T) {
	sys := func(s string) string { return spec(``, ``, `{"system":{"duration":0,`+s+`}}`) }
	graph := func(s string) string { return spec(s, ``, ``) }
	const core, slot = `{"type":"core","count":1}`, `{"type":"slot","count":1,"label":"task","with":[{"type":"core","count":1}]}`
	for _, tc := range []struct {
		rules    Rules
		in, want string
	}{
		{StrictV1, spec(``, ``, ``), ``},
		{AnyVersion, strings.Replace(spec(``, ``, ``), `"version":1`, `"version":999`, 1), ``},
		{V1, strings.Replace(spec(``, ``, ``), `"version":1`, `"version":2`, 1), `version: must be 1`},
		{V1, spec(`[]`, ``, ``), `resources: must define at least one resource`},
		{V1, spec(``, `[]`, ``), `tasks: must define at least one task`},
		{V1, spec(``, ``, `{}`), `attributes.system: is a required key`},
		{Canonical, spec(``, ``, `{}`), ``},
		{V1, spec(``, ``, `{"system":{}}`), `attributes.system.duration: is a required key`},
		{V1, spec(``, ``, `{"system":{"duration":"1h"}}`), `attributes.system.duration: must be a number`},
		{V1, spec(``, ``, `{"system":{"duration":-1}}`), `attributes.system.duration: must be >= 0`},
		{V1, spec(``, ``, `{"system":{"duration":1},"foo":1}`), `attributes: Extraneous key (foo)`},
		{V1, spec(``, ``, `{"system":[]}`), `attributes.system: must be an object`},
		{V1, sys(`"environment":[]`), `attributes.system.environment: must be an object`},
		{V1, sys(`"environment":{"A":"b","B":null}`), ``},
		{V1, sys(`"environment":{"A":1}`), `attributes.system.environment.A: must be a string`},
		{V1, sys(`"cwd":1`), `attributes.system.cwd: must be a string`},
		{V1, sys(`"job":{"name":1}`), `attributes.system.job.name: must be a string`},
		{V1, sys(`"shell":{"options":1}`), `attributes.system.shell.options: must be an object`},
		{V1, sys(`"dependencies":{}`), `attributes.system.dependencies: must be an array`},
		{V1, sys(`"dependencies":[{"scheme":"after","value":"x"},{"scheme":"after"}]`), `attributes.system.dependencies[1].value: is missing`},
		{V1, sys(`"dependencies":[1]`), `attributes.system.dependencies[0]: must be an object`},
		{V1, sys(`"constraints":["foo"]`), `attributes.system.constraints: constraint must be JSON object`},
		{V1, sys(`"constraints":{"and":[{"foo":[]}]}`), `attributes.system.constraints.and[0].foo: unknown constraint operator: foo`},
		{V1, sys(`"constraints":{"properties":["ssd"]}`), ``},
		{V1, sys(`"anything":{"goes":[1]}`), ``},
		{V1, spec(``, `[{"command":["a"],"slot":"task","count":{"per_resource":{"type":"core","count":1}}}]`, ``), `tasks[0].count: per_slot or total must be set`},
		{V1, graph(`[{"type":"node","count":"1-2","with":[` + slot + `]}]`), `resources[0].count: resource count must be an integer for type 'node' (got '1-2')`},
		{Canonical, graph(`[{"type":"node","count":"1-2","with":[` + slot + `]}]`), ``},
		{V1, graph(`[` + slot + `,` + slot + `]`), `resources: must contain exactly one element`},
		{V1, graph(`[{"type":"slot","count":1,"label":"x","with":[` + core + `,{"type":"memory","count":1}]}]`), ``},
		{StrictV1, graph(`[{"type":"slot","count":1,"label":"x","with":[` + core + `,{"type":"memory","count":1}]}]`), `resources[0].with[1].type: slot with type must be core or gpu (got memory)`},
		{StrictV1, graph(`[{"type":"slot","count":1,"label":"x","with":[{"type":"gpu","count":1}]}]`), `resources[0].with: slot must contain a core`},
		{StrictV1, graph(`[{"type":"slot","count":1,"label":"x","with":[` + core + `,` + core + `]}]`), `resources[0].with[1].type: slot has core twice`},
		{StrictV1, graph(`[{"type":"slot","count":1,"label":"x","with":[` + core + `,{"type":"gpu","count":0}]}]`), ``},
		{StrictV1, graph(`[{"type":"slot","count":1,"label":"x","with":[{"type":"node","count":1}]}]`), `resources[0].with[0].type: slot with type must be core or gpu (got node)`},
		{StrictV1, graph(`[{"type":"node","count":1,"with":[` + core + `]}]`), `resources[0].with[0].type: node with type must be slot (got core)`},
		{StrictV1, graph(`[{"type":"node","count":1,"with":[` + slot + `,` + slot + `]}]`), `resources[0].with: node with array must have 1 elements`},
		{StrictV1, graph(`[{"type":"rack","count":1,"with":[` + slot + `]}]`), `resources[0].type: must be node or slot (got rack)`},
		{StrictV1, graph(`[{"type":"node","count":2,"exclusive":true,"with":[` + slot + `]}]`), ``},
	} {
		got := ""
		if err := mustParse(t, tc.in).Validate(tc.rules); err != nil {
			got = err.Error()
		}
		if got != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", tc.in, got, tc.want)
		}
	}
}

func TestCounts(t *testing.T) {
	for _, tc := range []struct{ resources, attributes, want string }{
		{`[{"type":"slot","count":4,"label":"t","with":[{"type":"core","count":4},{"type":"gpu","count":2}]}]`, ``, `nodes 0 slots 4 of 4+2 total 4 16 8`},
		{`[{"type":"node","count":4,"exclusive":true,"with":[{"type":"slot","count":2,"label":"t","with":[{"type":"core","count":3}]}]}]`, ``, `nodes 4 x slots 2 of 3+0 total 8 24 0`},
		{`[{"type":"rack","count":3,"with":[{"type":"node","count":2,"with":[{"type":"slot","count":1,"label":"t","with":[{"type":"socket","count":2,"with":[{"type":"core","count":4}]}]}]}]}]`, ``, `nodes 6 slots 1 of 4+0 total 6 24 0`},
		{`[{"type":"node","count":"2-5","with":[{"type":"slot","count":"1+","label":"t","with":[{"type":"core","count":1}]}]}]`, ``, `nodes 2-5 slots 1+ of 1+0 total 2 2 0`},
		{`[{"type":"node","count":1,"with":[{"type":"core","count":1}]}]`, ``, `Unable to determine slot count`},
		{`[{"type":"slot","count":1,"label":"t","with":[{"type":"node","count":1}]}]`, ``, `Unable to determine slot size`},
		{``, `{}`, `getting duration: Object item not found: system`},
		{``, `{"system":{}}`, `getting duration: Object item not found: duration`},
		{``, `{"system":{"duration":"x"}}`, `attributes.system.duration: must be a number`},
		{`[{"type":"node","count":2147483647,"with":[{"type":"slot","count":2147483647,"label":"t","with":[{"type":"core","count":1}]}]}]`, ``, `resources: counts multiply to more than 9007199254740992`},
		{`[{"type":"rack","count":2,"with":[{"type":"node","count":"1,3","with":[{"type":"slot","count":1,"label":"t","with":[{"type":"core","count":1}]}]}]}]`, ``, `resources: node count cannot be multiplied by 2`},
	} {
		c, err := mustParse(t, spec(tc.resources, ``, tc.attributes)).Counts()
		x := ""
		if c.NodeExclusive {
			x = " x"
		}
		got := fmt.Sprintf("nodes %v%s slots %v of %d+%d total %d %d %d", c.Nodes, x, c.Slots,
			c.CoresPerSlot, c.GPUsPerSlot, c.TotalSlots(), c.TotalCores(), c.TotalGPUs())
		if err != nil {
			got = err.Error()
		}
		if got != tc.want {
			t.Errorf("%s %s:\n got %s\nwant %s", tc.resources, tc.attributes, got, tc.want)
		}
	}
}

func TestTaskPlan(t *testing.T) {
	const nodes2 = `[{"type":"node","count":2,"with":[{"type":"slot","count":3,"label":"task","with":[{"type":"core","count":2}]}]}]`
	const slots3 = `[{"type":"slot","count":3,"label":"task","with":[{"type":"core","count":2}]}]`
	opt := func(s string) string {
		return `{"system":{"duration":0,"shell":{"options":{"per-resource":` + s + `}}}}`
	}
	for _, tc := range []struct{ resources, tasks, attributes, want string }{
		{nodes2, ``, ``, `{6 0 0}`},
		{slots3, ``, ``, `{3 0 0}`},
		{nodes2, `[{"command":["a"],"slot":"task","count":{"total":5}}]`, ``, `{5 0 0}`},
		{nodes2, `[{"command":["a"],"slot":"task","count":{"per_slot":2}}]`, ``, `{12 0 0}`},
		{nodes2, ``, opt(`{"type":"node","count":4}`), `{8 0 0}`},
		{nodes2, ``, opt(`{"type":"node"}`), `{2 0 0}`},
		{slots3, ``, opt(`{"type":"node","count":4}`), `{0 4 0}`},
		{slots3, ``, opt(`{"type":"core","count":2}`), `{12 0 0}`},
		{nodes2, ``, opt(`{"type":"core","count":2}`), `{0 0 2}`},
		{nodes2, ``, opt(`{"type":"core","count":0}`), `attributes.system.shell.options.per-resource.count: must be > 0`},
		{nodes2, ``, opt(`7`), `attributes.system.shell.options.per-resource: must be an object`},
	} {
		j := mustParse(t, spec(tc.resources, tc.tasks, tc.attributes))
		c, err := j.Counts()
		if err != nil {
			t.Fatal(err)
		}
		plan, err := j.TaskPlan(c)
		got := fmt.Sprint(plan)
		if err != nil {
			got = err.Error()
		}
		if got != tc.want {
			t.Errorf("%s %s %s: got %s, want %s", tc.resources, tc.tasks, tc.attributes, got, tc.want)
		}
	}
	if p := (TaskPlan{PerCore: 2}); p.Tasks(3, 10) != 20 {
		t.Errorf("2 per core on 10 cores: %d", p.Tasks(3, 10))
	}
}

// TestAttributesKeepBytes: setting one attribute leaves all others as they
// came, numbers and spaces included.
func TestAttributesKeepBytes(t *testing.T) {
	const in = `{"user": {"pi":3.1400, "big":1e400},"system":{"duration":1.50,"x":{"y":[1 , 2]}}}`
	j := mustParse(t, spec(``, ``, in))
	if string(j.Attributes()) != in {
		t.Fatalf("got %s", j.Attributes())
	}
	before := j.Clone()
	for _, kv := range [][2]string{{"duration", "2"}, {"attributes.system.a.b", `"c"`}, {"user.n", "null"}} {
		if err := j.SetAttr(kv[0], jsontext.Value(kv[1])); err != nil {
			t.Fatal(err)
		}
	}
	want := `{"user":{"pi":3.1400,"big":1e400,"n":null},"system":{"duration":2,"x":{"y":[1 , 2]},"a":{"b":"c"}}}`
	if string(j.Attributes()) != want {
		t.Errorf("got  %s\nwant %s", j.Attributes(), want)
	}
	if string(before.Attributes()) != in {
		t.Errorf("the clone changed: %s", before.Attributes())
	}
	if err := j.DeleteAttr("system.x"); err != nil || j.Attr("x") != nil {
		t.Errorf("delete: %v %s", err, j.Attr("x"))
	}
	if err := j.DeleteAttr("system.x.y.z"); err != nil {
		t.Errorf("deleting what is not there: %v", err)
	}
	if err := j.SetAttr("duration.x", jsontext.Value(`1`)); err == nil ||
		err.Error() != "attributes.system.duration: must be an object" {
		t.Errorf("got %v", err)
	}
	if err := j.SetAttr("x", jsontext.Value(`{`)); err == nil {
		t.Error("broken JSON accepted")
	}
	if err := j.SetAttr(strings.Repeat("a.", MaxDepth)+"a", jsontext.Value(`1`)); err == nil {
		t.Error("endless path accepted")
	}
}

// TestSetAttrProperty: what is set is what is read, by every spelling.
func TestSetAttrProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j, err := Parse([]byte(spec(``, ``, ``)))
		if err != nil {
			t.Fatal(err)
		}
		name := rapid.StringMatching(`[a-c](\.[a-c]){0,3}`)
		path := "system.z." + name.Draw(t, "path")
		value := fmt.Sprint(rapid.Int().Draw(t, "value"))
		if err := j.SetAttr(path, jsontext.Value(value)); err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{path, "attributes." + path, strings.TrimPrefix(path, "system.")} {
			if got := string(j.Attr(p)); got != value {
				t.Fatalf("%s is %s, want %s", p, got, value)
			}
		}
		if j.Duration() != 0 || j.Attr("duration") == nil {
			t.Fatal("duration was lost")
		}
	})
}

// TestHostileYAML: a document that unfolds to billions is refused quickly.
func TestHostileYAML(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'k'; c++ {
		ref := "*" + string(c-1)
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.Join([]string{ref, ref, ref, ref, ref, ref, ref, ref, ref}, ","))
	}
	for _, in := range []string{bomb, "a: &a\n  b: *a\n", "x: .inf", "? [a]\n: b", "<<: {a: 1}", "- a", "", "\t:", "a: !!binary xx"} {
		if _, err := FromYAML([]byte(in)); err == nil || !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%.40q: got %v", in, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(spec(``, ``, ``)))
	f.Add([]byte(spec(`[{"type":"node","count":{"min":1,"max":4,"operator":"*","operand":2},"with":[{"type":"slot","count":"1-3","label":"t","exclusive":true,"with":[{"type":"core","count":2}]}]}]`, ``, `{"system":{"duration":1.5,"environment":{"A":null},"constraints":{"not":[{"ranks":["1"]}]},"shell":{"options":{"per-resource":{"type":"node"}}}}}`)))
	f.Fuzz(func(t *testing.T, in []byte) {
		j, err := Parse(in)
		if err != nil {
			return
		}
		out, _ := j.MarshalJSON()
		again, err := Parse(out)
		if err != nil {
			t.Fatalf("%s became %s: %v", in, out, err)
		}
		for _, rules := range []Rules{AnyVersion, Canonical, V1, StrictV1} {
			if a, b := j.Validate(rules), again.Validate(rules); (a == nil) != (b == nil) {
				t.Fatalf("%s: %v, then %v", in, a, b)
			}
		}
		if c, err := j.Counts(); err == nil {
			_, _ = j.TaskPlan(c)
			if c.TotalCores() < 1 || c.TotalCores() > MaxTotal {
				t.Fatalf("%s: %d cores", in, c.TotalCores())
			}
		}
	})
}

func FuzzYAML(f *testing.F) {
	f.Add([]byte("version: 1\nresources: [{type: node, count: 4}]\ntasks: []\nattributes: {system: {duration: 3600.}}"))
	f.Add([]byte("a: &a [1, 0x10, .5, yes, ~, 2001-01-01]\nb: *a"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if j, err := FromYAML(in); err == nil {
			if out, _ := j.MarshalJSON(); !jsontext.Value(out).IsValid() {
				t.Fatalf("%s became %s", in, out)
			}
		}
	})
}
