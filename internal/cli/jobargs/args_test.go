// SPDX-License-Identifier: LGPL-3.0-or-later

package jobargs

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"
)

// testSystem is a process with a few variables, limits and files.
func testSystem(files map[string]string) *System {
	dir := fstest.MapFS{}
	for name, data := range files {
		dir[strings.TrimPrefix(name, "/")] = &fstest.MapFile{Data: []byte(data), Mode: 0o640}
	}
	return &System{
		Environ: map[string]string{"PATH": "/bin", "HOME": "/home/me", "OMP_A": "1", "OMP_B": "2", "FOO": "bar"},
		Limit: func(name string) (int64, bool) {
			return map[string]int64{"core": 0, "nofile": 1024, "memlock": 64, "stack": -1}[name], name != "rttime"
		},
		Getwd:    func() (string, error) { return "/cwd", nil },
		ReadFile: func(name string) ([]byte, error) { return dir.ReadFile(strings.TrimPrefix(name, "/")) },
		Stat:     func(name string) (fs.FileInfo, error) { return dir.Stat(strings.TrimPrefix(name, "/")) },
	}
}

// attribute is a value of the jobspec that args make, as JSON.
func attribute(t *testing.T, a Args, sys *System, path string) string {
	t.Helper()
	if a.Command == nil {
		a.Command = []string{"app"}
	}
	j, err := a.Jobspec(sys)
	if err != nil {
		t.Fatalf("%+v: %v", a, err)
	}
	raw, err := j.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return gjson.GetBytes(raw, path).Raw
}

func TestAttributes(t *testing.T) {
	sys := testSystem(map[string]string{"/v.json": `{"a": [1, 2]}`, "/f.txt": "text", "/f.bin": "\xff\xfe"})
	const system, options = "attributes.system.", "attributes.system.shell.options."
	for _, c := range []struct {
		args Args
		path string
		want string
	}{
		{Args{}, system + "cwd", `"/cwd"`},
		{Args{CWD: "/x"}, system + "cwd", `"/x"`},
		{Args{TimeLimit: "5"}, system + "duration", `300.0`},
		{Args{TimeLimit: "5s"}, system + "duration", `5.0`},
		{Args{TimeLimit: "1.5h"}, system + "duration", `5400.0`},
		{Args{TimeLimit: "inf"}, system + "duration", `0.0`},
		{Args{JobName: "n"}, system + "job.name", `"n"`},
		{Args{Queue: "q"}, system + "queue", `"q"`},
		{Args{Bank: "b"}, system + "bank", `"b"`},
		{Args{Output: "out.{{id}}", LabelIO: true}, options + "output.stdout", `{"type":"file","path":"out.{{id}}","label":true}`},
		{Args{Input: "in"}, options + "input.stdin.path", `"in"`},
		{Args{Input: "0-3"}, options + "input", ``},
		{Args{Signal: "USR2@2m"}, options + "signal", `{"signum":12,"timeleft":120.0}`},
		{Args{Signal: "@30"}, options + "signal", `{"signum":10,"timeleft":30.0}`},
		{Args{TaskMap: "cyclic:2"}, options + "taskmap", `{"scheme":"cyclic","value":"2"}`},
		{Args{TaskMap: "block"}, options + "taskmap", `{"scheme":"block","value":""}`},
		{Args{Dependency: []string{"afterok:ƒ12", "foo:1?a=2&b=x&a=2.5"}}, system + "dependencies", `[{"scheme":"afterok","value":"ƒ12"},{"scheme":"foo","value":"1","a":[2,2.5],"b":"x"}]`},
		{Args{Requires: []string{"a", "-host:h1"}}, system + "constraints", `{"and":[{"properties":["a"]},{"not":[{"hostlist":["h1"]}]}]}`},
		{Args{SetOpt: []string{"verbose", "a.b=42", "c=x y"}}, options + "verbose", `1`},
		{Args{SetOpt: []string{"a.b=42"}}, options + "a.b", `42`},
		{Args{SetOpt: []string{"c=x y"}}, options + "c", `"x y"`},
		{Args{SetAttr: []string{"foo"}}, system + "foo", `1`},
		{Args{SetAttr: []string{".foo=a"}}, "attributes.foo", `"a"`},
		{Args{SetAttr: []string{"user.foo=null"}}, "attributes.user.foo", `null`},
		{Args{SetAttr: []string{"^user.foo=/v.json"}}, "attributes.user.foo.a.1", `2`},
		{Args{AddFile: []string{"/f.txt"}}, system + "files", `{"f.txt":{"mode":33184,"data":"text","encoding":"utf-8"}}`},
		{Args{AddFile: []string{"n:755=/f.txt"}}, system + "files.n.mode", `33261`},
		{Args{AddFile: []string{"/f.bin"}}, system + "files.f\\.bin.data", `"//4="`},
		{Args{AddFile: []string{`a:b=x\ny`}}, system + "files.a:b", `{"mode":33152,"data":"x\ny","encoding":"utf-8"}`},
		{Args{Unbuffered: true}, options + "output.batch-timeout", `0.05`},
		{Args{Nodes: "2", Tasks: "4", CoresPerTask: "3", GPUsPerTask: "1"}, "resources.0.count", `2`},
		{Args{Tasks: "0"}, "resources.0.count", `1`},
		{Args{Nodes: "2"}, "resources.0.exclusive", `true`},
		{Args{Cores: "16", TasksPerNode: "1"}, options + "per-resource", `{"type":"node","count":1}`},
		{Args{Nodes: "1", GPUsPerNode: "2"}, "resources.0.with.0.with.1.count", `2`},
	} {
		if got := attribute(t, c.args, sys, c.path); strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(c.want, " ", "") {
			t.Errorf("%+v: %s is %s, want %s", c.args, c.path, got, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	sys := testSystem(map[string]string{"/bad.json": `{foo}`, "/loop": "^/loop"})
	for want, args := range map[string]Args{
		"job command and arguments are missing":                         {Command: []string{}},
		"--nodes: invalid int value 'x'":                                {Nodes: "x"},
		"node count must not be greater than task count":                {Nodes: "2", Tasks: "1"},
		"Do not specify both the number of tasks per node and per core": {TasksPerNode: "1", TasksPerCore: "1"},
		"--tasks-per-node must be >= 1":                                 {TasksPerNode: "0"},
		"--tasks-per-core must be >= 1":                                 {TasksPerCore: "0"},
		"ncores must be an integer >= 1":                                {Cores: "-4"},
		"gpus_per_node must be an integer >= 0":                         {Nodes: "1", GPUsPerNode: "-1"},
		"--gpus-per-node requires --nodes":                              {GPUsPerNode: "1"},
		"exclusive can only be set with a node count":                   {Cores: "4", Exclusive: true},
		"number of cores cannot be less than nnodes":                    {Nodes: "4", Cores: "2"},
		"number of cores must be evenly divisible by node count":        {Nodes: "5", Cores: "9"},
		"Per-resource options can't be used with per-task options.":     {Cores: "2", CoresPerTask: "1"},
		"must specify node or core count with per_resource":             {TasksPerCore: "1"},
		"invalid Flux standard duration":                                {TimeLimit: "00:30"},
		"--signal=FOO: signal 'FOO' is invalid":                         {Signal: "FOO"},
		"--signal=-1: signal must be > 0":                               {Signal: "-1"},
		"--signal=@x: invalid Flux standard duration":                   {Signal: "@x"},
		"Invalid dependency URI \"1:x\"":                                {Dependency: []string{"1:x"}},
		"--requires='a&'":                                               {Requires: []string{"a&"}},
		"--setattr: /bad.json:":                                         {SetAttr: []string{"^a=/bad.json"}},
		"nosuch":                                                        {SetAttr: []string{"^a=nosuch"}},
		"failed to set attributes.system.shell.options.foo.bar to hi":   {SetOpt: []string{"foo", "foo.bar=hi"}},
		"--env: Unable to substitute V=${x:-y}":                         {Env: []string{"V=${x:-y}"}},
		"--env: Variable 'NOPE' not found in V=$NOPE":                   {Env: []string{"V=$NOPE"}},
		"rule files name each other":                                    {Env: []string{"^/loop"}},
		"invalid pattern '/('":                                          {Env: []string{"-/("}},
		"No corresponding rlimit matching \"frob\"":                     {RLimit: []string{"frob"}},
		"Invalid value in core=x":                                       {RLimit: []string{"core=x"}},
		"Invalid rlimit \"frob\"":                                       {RLimit: []string{"frob=1"}},
		"--add-file: file name missing":                                 {AddFile: []string{`a\nb`}},
		"--add-file=nosuch":                                             {AddFile: []string{"nosuch"}},
		". is not a regular file":                                       {AddFile: []string{"."}},
	} {
		if args.Command == nil {
			args.Command = []string{"app"}
		}
		if _, err := args.Jobspec(sys); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", args, err, want)
		}
	}
}

func TestEnvironment(t *testing.T) {
	sys := testSystem(map[string]string{"/rules": "-*\nOMP*\n\nFOO=bar\nBAR=${FOO}/baz\n", "/home/me/rules": "-*\nX=1"})
	all := sys.Environ
	with := func(k, v string) map[string]string {
		m := maps.Clone(all)
		m[k] = v
		return m
	}
	for _, c := range []struct {
		rules  []string
		want   map[string]string
		expand map[string]string
	}{
		{nil, all, nil},
		{[]string{"-*"}, nil, nil},
		{[]string{"-/.*/"}, nil, nil},
		{[]string{"-*", "PATH"}, map[string]string{"PATH": "/bin"}, nil},
		{[]string{"-*", "OMP_[!A]", "F?O"}, map[string]string{"OMP_B": "2", "FOO": "bar"}, nil},
		{[]string{"-*", "/^OMP/"}, map[string]string{"OMP_A": "1", "OMP_B": "2"}, nil},
		{[]string{"-/OMP"}, map[string]string{"PATH": "/bin", "HOME": "/home/me", "FOO": "bar"}, nil},
		{[]string{"-*", "NOSUCH"}, nil, nil},
		{[]string{"FOO=new", "FOO"}, with("FOO", "new"), nil},
		{[]string{"-*", "PATH=$PATH:/x", "PATH=${PATH}:/y"}, map[string]string{"PATH": "/bin:/x:/y"}, nil},
		{[]string{"-*", "A=$$x"}, map[string]string{"A": "$x"}, nil},
		{[]string{"-*", "A={{tmpdir}}/$x"}, nil, map[string]string{"A": "{{tmpdir}}/$x"}},
		{[]string{"^/rules"}, map[string]string{"OMP_A": "1", "OMP_B": "2", "FOO": "bar", "BAR": "bar/baz"}, nil},
		{[]string{"^~/rules"}, map[string]string{"X": "1"}, nil},
		{[]string{"-*", "A=a=b"}, map[string]string{"A": "a=b"}, nil},
		{[]string{"-[z-a]"}, all, nil},
	} {
		e := environment{vars: clone(all), expand: map[string]string{}, sys: sys}
		if err := e.apply(c.rules, 0); err != nil {
			t.Errorf("%q: %v", c.rules, err)
			continue
		}
		if !maps.Equal(e.vars, c.want) || !maps.Equal(e.expand, c.expand) {
			t.Errorf("%q: %v, %v, want %v, %v", c.rules, e.vars, e.expand, c.want, c.expand)
		}
	}
}

func TestLimits(t *testing.T) {
	current := testSystem(nil).Limit
	for rules, want := range map[string]string{
		"":                       "as core cpu data fsize nofile nproc rss stack",
		"-*":                     "",
		"-*,core":                "core",
		"-*,co*,cpu":             "core cpu",
		"memlock":                "as core cpu data fsize memlock nofile nproc rss stack",
		"-*,ofile,core=16":       "core ofile",
		"-*,NOFILE,Core=inf,-c*": "nofile",
	} {
		var list []string
		if rules != "" {
			list = []string{rules}
		}
		got, err := limits(list, current)
		if err != nil {
			t.Errorf("%s: %v", rules, err)
			continue
		}
		if names := strings.Join(slices.Sorted(maps.Keys(got)), " "); names != want {
			t.Errorf("%s: %s, want %s", rules, names, want)
		}
	}
	got, err := limits([]string{"core=16", "stack=unlimited"}, current)
	if err != nil || got["core"] != 16 || got["stack"] != -1 || got["nofile"] != 1024 {
		t.Error(got, err)
	}
}

func TestConf(t *testing.T) {
	sys := testSystem(map[string]string{
		"/c.toml": "[resource]\nnoverify = true\n", "/c.json": `{"resource":{"exclude":"0"}}`,
		"/xdg/flux/config/named.json": `{"a":1}`, "/bad.toml": "x = foo",
	})
	sys.Environ["XDG_CONFIG_HOME"] = "/none"
	sys.Environ["XDG_CONFIG_DIRS"] = "/nowhere:/xdg"
	var c Conf
	if raw, err := c.JSON(); raw != nil || err != nil {
		t.Error("an empty configuration is none")
	}
	for _, v := range []string{"/c.toml", "/c.json", "named", "b.c=[1]", "b.d=text", "\n[e]\nf = 2\n", "\n{\"g\":3}\n"} {
		if err := c.Add(v, sys); err != nil {
			t.Fatalf("%q: %v", v, err)
		}
	}
	want := map[string]any{
		"resource": map[string]any{"noverify": true, "exclude": "0"},
		"a":        1.0, "b": map[string]any{"c": []any{1.0}, "d": "text"},
		"e": map[string]any{"f": 2.0}, "g": 3.0,
	}
	raw, err := c.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, gjson.ParseBytes(raw).Value()); diff != "" {
		t.Error(diff)
	}
	for v, want := range map[string]string{
		"/nofile.json": "--conf: ", "noname": "--conf: named config 'noname' not found",
		"/bad.toml": "--conf: parse error: /bad.toml", "a.b=1": "failed to set a.b to 1", "\nx": "failed to parse multiline",
	} {
		if err := c.Add(v, sys); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", v, err, want)
		}
	}
}

func TestNest(t *testing.T) {
	sys := testSystem(nil)
	n := NestArgs{Slots: 1, Cores: 1, BrokerOptions: []string{"-v,-v"}, Dump: "d.tgz", ConfValues: []string{"a=1"}}
	n.Command = []string{"job.sh", "arg"}
	j, err := n.BatchJobspec("#!/bin/sh\n", sys)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"flux", "broker", "-v", "-v", "-Scontent.dump=d.tgz", "-c{{tmpdir}}/conf.json", "{{tmpdir}}/script", "arg"}
	if diff := cmp.Diff(want, j.Command()); diff != "" {
		t.Error(diff)
	}
	if j.JobName() != "job.sh" {
		t.Error(j.JobName())
	}
	if _, err := (&NestArgs{}).AllocJobspec(sys); err == nil || !strings.Contains(err.Error(), "Number of slots") {
		t.Error(err)
	}
}

func ExampleInputs_Fill() {
	in := Inputs{Positional: []string{"/a/b.txt", "c"}, Named: map[string]string{"seq": "7"}}
	for _, template := range []string{"{} {}", "{1}{0.%}", "{./} {.//}", "{0./%}-{seq}", "{{id}}.{1}"} {
		fmt.Println(in.Fill(template))
	}
	// Output:
	// [/a/b.txt c] <nil>
	// [c/a/b] <nil>
	// [b.txt ] <nil>
	// [b-7] <nil>
	// [{{id}}.c] <nil>
}
