// SPDX-License-Identifier: LGPL-3.0-or-later

package ingest

import (
	"slices"
	"strings"
	"testing"

	"goflux/hostlist"
	"goflux/jobspec"
)

func request(t *testing.T, l jobspec.Layout, command ...string) *jobspec.Jobspec {
	t.Helper()
	spec, err := jobspec.FromCommand(command, l, jobspec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func pipeline(t *testing.T, conf map[string]any, args ...string) *Pipeline {
	t.Helper()
	a, err := ParseArgs(args)
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(conf, conf["queues"] != nil, a)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Arguments of the module, and those of the commands, go before the
// configuration.
func TestPlugins(t *testing.T) {
	conf := map[string]any{"ingest": map[string]any{
		"validator":   map[string]any{"plugins": []any{"feasibility"}},
		"frobnicator": map[string]any{"plugins": []any{"constraints"}},
	}}
	if p := pipeline(t, conf); !p.AsksFeasibility() || !slices.Equal(p.Fill.Plugins, []string{"constraints"}) {
		t.Errorf("configured: %+v", p)
	}
	if p := pipeline(t, conf, "validator-plugins=jobspec"); p.AsksFeasibility() {
		t.Errorf("with arguments: %+v", p)
	}
	p, err := New(conf, true, FrobnicatorArgs([]string{"defaults"}))
	if err != nil || !slices.Equal(p.Fill.Plugins, []string{"defaults"}) || !p.AsksFeasibility() {
		t.Errorf("with another frobnicator: %+v, %v", p, err)
	}
	for _, args := range []Args{
		ValidatorArgs([]string{"nosuch"}, nil), FrobnicatorArgs([]string{"nosuch"}), ValidatorArgs(nil, []string{"--nosuch"}),
	} {
		if _, err := New(conf, true, args); err == nil {
			t.Errorf("%+v is taken", args)
		}
	}
}

func TestRequireInstance(t *testing.T) {
	p := pipeline(t, nil, "validator-plugins=require-instance", "validator-args=--require-instance-minnodes=2,--require-instance-mincores=4")
	for _, tc := range []struct {
		layout  jobspec.Layout
		command []string
		refused bool
	}{
		{jobspec.Layout{Tasks: 1}, []string{"app"}, false},
		{jobspec.Layout{Tasks: 4}, []string{"app"}, true},
		{jobspec.Layout{Nodes: 2, Tasks: 2}, []string{"app"}, true},
		{jobspec.Layout{Nodes: 2, Tasks: 2}, []string{"/bin/flux", "start"}, false},
		{jobspec.Layout{Tasks: 9}, []string{"flux", "broker", "app"}, false},
		{jobspec.Layout{Tasks: 9}, []string{"flux", "getattr", "size"}, true},
	} {
		if err := p.Validate(request(t, tc.layout, tc.command...), nil); (err != nil) != tc.refused {
			t.Errorf("%+v %q: %v", tc.layout, tc.command, err)
		}
	}
}

func TestHosts(t *testing.T) {
	spec := request(t, jobspec.Layout{}, "app")
	if err := spec.SetAttr("system.constraints", []byte(`{"not":[{"hostlist":["test[1-3]"]}]}`)); err != nil {
		t.Fatal(err)
	}
	known, err := hostlist.Parse("test[1-2]")
	if err != nil {
		t.Fatal(err)
	}
	p := pipeline(t, nil)
	if err := p.Validate(spec, func() *hostlist.List { return known }); err == nil || !strings.Contains(err.Error(), "host 'test3' not found") {
		t.Errorf("got %v", err)
	}
	if err := p.Validate(spec, func() *hostlist.List { return nil }); err != nil {
		t.Errorf("hosts that are not known: %v", err)
	}
}

func TestFrobnicate(t *testing.T) {
	conf := map[string]any{"queues": map[string]any{"debug": map[string]any{"requires": []any{"fast"}}}}
	p := pipeline(t, conf)
	if p.Fill.Off {
		t.Error("queues, and no request is filled in")
	}
	spec := request(t, jobspec.Layout{}, "app")
	var said site
	if err := p.Frobnicate(spec, &said); err != nil || !slices.Equal(said, site{"defaults", "constraints"}) {
		t.Errorf("%v, %q", err, said)
	}
	p.Fill.Plugins = []string{"constraints"}
	if err := p.Frobnicate(spec, &said); err != nil || len(said) != 3 {
		t.Errorf("%v, %q", err, said)
	}
}

// site is a policy that notes what it was asked.
type site []string

func (s *site) Defaults(*jobspec.Jobspec) error {
	*s = append(*s, "defaults")
	return nil
}

func (s *site) Constrain(*jobspec.Jobspec) error {
	*s = append(*s, "constraints")
	return nil
}
