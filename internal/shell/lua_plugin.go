// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"goflux/internal/rpc"
)

func (r *luaRC) pluginTable(l *lua.LState) *lua.LTable {
	fixed := map[string]lua.LValue{
		"load":     l.NewFunction(r.check(r.loadPlugin)),
		"register": l.NewFunction(r.check(r.registerPlugin)),
	}
	get := func(key string) lua.LValue {
		if key == "searchpath" {
			return lua.LString(r.search)
		}
		if v, ok := fixed[key]; ok {
			return v
		}
		return lua.LNil
	}
	set := func(key string, v lua.LValue) bool {
		if key != "searchpath" {
			l.RaiseError("invalid plugin method %s called", key)
		}
		r.search = v.String()
		return true
	}
	return virtual(l, get, set)
}

// loadPlugin is plugin.load, by which files bring in plugins in C.
func (r *luaRC) loadPlugin(l *lua.LState) error {
	pattern := ""
	switch v := l.Get(1).(type) {
	case lua.LString:
		pattern = string(v)
	case *lua.LTable:
		pattern = lua.LVAsString(v.RawGetString("file"))
	}
	if pattern == "" {
		return fmt.Errorf("plugin.load: invalid argument")
	}
	found := r.findPlugins(pattern)
	switch {
	case strings.ContainsAny(pattern, "*?["):
		for _, path := range found {
			r.s.log.debugf("", "plugin %s is passed over: it is in C", path)
		}
		return nil
	case len(found) == 0:
		return fmt.Errorf("plugin.load: %s: File not found", pattern)
	}
	return fmt.Errorf("plugin.load: %s: plugins in C are not supported", pattern)
}

func (r *luaRC) findPlugins(pattern string) []string {
	if filepath.IsAbs(pattern) || strings.HasPrefix(pattern, "./") {
		found, _ := filepath.Glob(pattern) // a bad pattern matches nothing
		return found
	}
	var out []string
	for _, dir := range filepath.SplitList(r.search) {
		found, _ := filepath.Glob(filepath.Join(dir, pattern))
		out = append(out, found...)
	}
	return out
}

// registerPlugin is plugin.register. A plugin takes the place of an earlier
// one of its name.
func (r *luaRC) registerPlugin(l *lua.LState) error {
	spec := l.CheckTable(1)
	p := &luaPlugin{name: lua.LVAsString(spec.RawGetString("name"))}
	if p.name == "" {
		p.name = fmt.Sprintf("anonymous%d", len(r.plugins))
	}
	handlers, ok := spec.RawGetString("handlers").(*lua.LTable)
	if !ok {
		return fmt.Errorf("required handlers table missing")
	}
	if handlers.Len() == 0 {
		return fmt.Errorf("plugin.register: handlers table exists but has no entries")
	}
	for i := 1; i <= handlers.Len(); i++ {
		h, err := newHandler(handlers.RawGetInt(i))
		if err != nil {
			return err
		}
		p.handlers = append(p.handlers, h)
	}
	r.plugins = slices.DeleteFunc(r.plugins, func(old *luaPlugin) bool { return old.name == p.name })
	r.plugins = append(r.plugins, p)
	return nil
}

func newHandler(v lua.LValue) (luaHandler, error) {
	t, ok := v.(*lua.LTable)
	if !ok {
		return luaHandler{}, fmt.Errorf("handler entry is not a table")
	}
	topic, ok := t.RawGetString("topic").(lua.LString)
	if !ok {
		return luaHandler{}, fmt.Errorf("Missing or invalid 'topic' in handler entry")
	}
	fn, ok := t.RawGetString("fn").(*lua.LFunction)
	if !ok {
		return luaHandler{}, fmt.Errorf("Missing or invalid 'fn' in handler entry")
	}
	return luaHandler{string(topic), fn}, nil
}

// taskTable is the table task, of use in the hooks of a task alone.
func (r *luaRC) taskTable(l *lua.LState) *lua.LTable {
	need := func() *task {
		if r.current == nil {
			l.RaiseError("attempt to access task outside of task context")
		}
		return r.current
	}
	functions := map[string]lua.LValue{
		"getenv": l.NewFunction(func(l *lua.LState) int { return luaGetenv(l, need().environment()) }),
		"setenv": l.NewFunction(func(l *lua.LState) int {
			t := need()
			if _, had := t.environment()[l.CheckString(1)]; !had || l.OptBool(3, true) {
				t.env[l.CheckString(1)] = l.CheckAny(2).String()
				t.unset = slices.DeleteFunc(t.unset, func(n string) bool { return n == l.CheckString(1) })
			}
			l.Push(lua.LTrue)
			return 1
		}),
		"unsetenv": l.NewFunction(func(l *lua.LState) int {
			t := need()
			delete(t.env, l.CheckString(1))
			t.unset = append(t.unset, l.CheckString(1))
			return 0
		}),
	}
	get := func(key string) lua.LValue {
		t := need()
		if key == "info" {
			return toLua(l, t.luaInfo())
		}
		if v, ok := functions[key]; ok {
			return v
		}
		return lua.LNil
	}
	return virtual(l, get, func(key string, _ lua.LValue) bool {
		l.RaiseError("attempt to set read-only field task.%s", key)
		return true
	})
}

// environment is what the task will have.
func (t *task) environment() map[string]string {
	env := make(map[string]string, len(t.s.job.env)+len(t.env))
	for k, v := range t.s.job.env {
		env[k] = v
	}
	for k, v := range t.env {
		env[k] = v
	}
	for _, k := range t.unset {
		delete(env, k)
	}
	return env
}

// luaInfo is task.info.
func (t *task) luaInfo() any {
	switch {
	case t.ended:
		return t.info()
	case t.proc != nil:
		return map[string]any{"localid": t.index, "rank": t.rank, "state": "Running", "pid": t.proc.Pid}
	}
	return rpc.ShellTask{LocalID: t.index, Rank: t.rank, State: "Init"}
}
