// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	lua "github.com/yuin/gopher-lua"

	"goflux/internal/message"
)

// open makes the Lua state with the tables shell, plugin and task.
func (r *luaRC) open() {
	l := lua.NewState()
	r.state = l
	shell := r.shellTable(l)
	l.SetGlobal("shell", shell)
	l.SetGlobal("plugin", r.pluginTable(l))
	l.SetGlobal("task", r.taskTable(l))
	l.SetGlobal("source", l.NewFunction(r.check(func(l *lua.LState) error { return r.source(l.CheckString(1), false) })))
	l.SetGlobal("source_if_exists", l.NewFunction(r.check(func(l *lua.LState) error { return r.source(l.CheckString(1), true) })))
	coprocess := l.NewTable()
	coprocess.RawSetString("define", l.NewFunction(r.defineCoprocess))
	l.SetGlobal("coprocess", coprocess)
	l.PreloadModule("flux.shell", func(l *lua.LState) int { l.Push(shell); return 1 })
}

// check makes a function that raises what fn returns.
func (r *luaRC) check(fn func(l *lua.LState) error) lua.LGFunction {
	return func(l *lua.LState) int {
		if err := fn(l); err != nil {
			l.RaiseError("%v", err)
		}
		return 0
	}
}

// virtual gives a table fields that are computed and that refuse or take
// assignments: get answers nil for what it does not know.
func virtual(l *lua.LState, get func(key string) lua.LValue, set func(key string, v lua.LValue) bool) *lua.LTable {
	t, meta := l.NewTable(), l.NewTable()
	meta.RawSetString("__index", l.NewFunction(func(l *lua.LState) int {
		l.Push(get(l.CheckString(2)))
		return 1
	}))
	meta.RawSetString("__newindex", l.NewFunction(func(l *lua.LState) int {
		if key := l.CheckString(2); !set(key, l.Get(3)) {
			t.RawSetString(key, l.Get(3))
		}
		return 0
	}))
	l.SetMetatable(t, meta)
	return t
}

func (r *luaRC) shellTable(l *lua.LState) *lua.LTable {
	s := r.s
	fixed := map[string]lua.LValue{"options": r.optionsTable(l)}
	for name, fn := range r.shellFunctions() {
		fixed[name] = l.NewFunction(fn)
	}
	get := func(key string) lua.LValue {
		switch key {
		case "info":
			return toLua(l, s.luaInfo())
		case "rankinfo":
			return toLua(l, s.rankInfo(s.plan.self))
		case "rcpath":
			return lua.LString(r.rcpath)
		case "verbose":
			return lua.LBool(s.verbose > 0)
		}
		if v, ok := fixed[key]; ok {
			return v
		}
		return lua.LNil
	}
	set := func(key string, v lua.LValue) bool {
		if key == "verbose" {
			s.luaVerbose(l, v)
			return true
		}
		if _, ok := fixed[key]; ok || key == "info" || key == "rankinfo" || key == "rcpath" {
			l.RaiseError("attempt to set read-only field shell.%s", key)
		}
		return false
	}
	return virtual(l, get, set)
}

// luaInfo is shell.info.
func (s *Shell) luaInfo() any {
	return map[string]any{
		"jobid": uint64(s.job.ID), "rank": s.plan.self, "instance_owner": s.owner(), "size": s.plan.size(),
		"ntasks": s.plan.ntasks, "service": s.service.name, "jobspec": s.job.Jobspec, "R": s.job.R,
		"options": map[string]any{"verbose": s.verbose},
	}
}

// rankInfo is what Lua is told of a shell rank.
func (s *Shell) rankInfo(rank int) any {
	n := &s.plan.nodes[rank]
	resources := map[string]any{"ncores": n.cores.Len(), "cores": n.cores.String()}
	if !n.gpus.Empty() {
		resources["gpus"] = n.gpus.String()
	}
	return map[string]any{
		"id": rank, "name": n.host, "broker_rank": n.rank, "ntasks": n.ntasks,
		"taskids": s.plan.tasks.TaskIDs(rank).String(), "resources": resources,
	}
}

func (s *Shell) luaVerbose(l *lua.LState, v lua.LValue) {
	switch v := v.(type) {
	case lua.LBool:
		s.verbose = 0
		if v {
			s.verbose = 1
		}
	case lua.LNumber:
		s.verbose = max(0, min(2, int(v)))
	default:
		l.RaiseError("invalid assignment to shell.verbose")
	}
	s.log.level = sevNotice + severity(s.verbose)
}

func (r *luaRC) optionsTable(l *lua.LState) *lua.LTable {
	opts := r.s.job.opts
	get := func(key string) lua.LValue { return toLua(l, opts.root[key]) }
	set := func(key string, v lua.LValue) bool {
		x, err := fromLua(v, 0)
		if err != nil {
			l.RaiseError("option %s: %v", key, err)
		}
		if x == nil {
			delete(opts.root, key)
			return true
		}
		raw, err := message.Marshal(x)
		if err != nil {
			l.RaiseError("option %s: %v", key, err)
		}
		opts.root[key] = jsontext.Value(raw)
		return true
	}
	return virtual(l, get, set)
}

func (r *luaRC) shellFunctions() map[string]lua.LGFunction {
	s := r.s
	log := func(sev severity) lua.LGFunction {
		return func(l *lua.LState) int { s.log.log(sev, "", "%s", l.CheckString(1)); return 0 }
	}
	return map[string]lua.LGFunction{
		"log": log(sevNotice), "debug": log(sevDebug), "log_error": log(sevError),
		"die": func(l *lua.LState) int {
			r.last = l.CheckString(1)
			l.RaiseError("%s", r.last)
			return 0
		},
		"getenv": func(l *lua.LState) int { return luaGetenv(l, s.job.env) },
		"setenv": func(l *lua.LState) int { return luaSetenv(l, s.job.env) },
		"unsetenv": func(l *lua.LState) int {
			_, had := s.job.env[l.CheckString(1)]
			delete(s.job.env, l.CheckString(1))
			l.Push(lua.LBool(had))
			return 1
		},
		"prepend_path": func(l *lua.LState) int { prependPath(s.job.env, l.CheckString(1), l.CheckString(2)); return 0 },
		"env_strip":    r.stripEnv,
		"get_rankinfo": func(l *lua.LState) int {
			rank := l.OptInt(1, s.plan.self)
			if rank < 0 || rank >= s.plan.size() {
				l.RaiseError("there is no shell rank %d", rank)
			}
			l.Push(toLua(l, s.rankInfo(rank)))
			return 1
		},
		"getopt_with_version": func(l *lua.LState) int {
			value, version := s.job.opts.version(l.CheckString(1))
			for _, text := range []string{value, version} {
				if text == "" {
					l.Push(lua.LNil)
				} else {
					l.Push(lua.LString(text))
				}
			}
			return 2
		},
		"source_rcpath": r.check(func(l *lua.LState) error {
			for _, dir := range r.rcDirs() {
				if err := r.source(dir+"/"+l.CheckString(1), true); err != nil {
					return err
				}
			}
			return nil
		}),
		"source_rcpath_option": r.check(func(l *lua.LState) error {
			option := l.CheckString(1)
			value, version := s.job.opts.version(option)
			if value == "" || value == "none" {
				return nil
			}
			return r.sourceOption(option, value, version)
		}),
	}
}

func luaGetenv(l *lua.LState, env map[string]string) int {
	if l.GetTop() == 0 {
		l.Push(toLua(l, env))
		return 1
	}
	if v, ok := env[l.CheckString(1)]; ok {
		l.Push(lua.LString(v))
	} else {
		l.Push(lua.LNil)
	}
	return 1
}

func luaSetenv(l *lua.LState, env map[string]string) int {
	name, value := l.CheckString(1), l.CheckAny(2).String()
	if _, had := env[name]; !had || l.OptBool(3, true) {
		env[name] = value
	}
	l.Push(lua.LTrue)
	return 1
}

// prependPath puts a directory in front of a list, unless it is in it.
func prependPath(env map[string]string, name, dir string) {
	old, ok := env[name]
	switch {
	case ok && strings.Contains(":"+old+":", ":"+dir+":"):
	case ok:
		env[name] = dir + ":" + old
	default:
		env[name] = dir
	}
}

// stripEnv removes the variables that match one of Lua's patterns.
func (r *luaRC) stripEnv(l *lua.LState) int {
	match := l.GetField(l.GetGlobal("string"), "match")
	for name := range r.s.job.env {
		for i := 1; i <= l.GetTop(); i++ {
			if err := l.CallByParam(lua.P{Fn: match, NRet: 1, Protect: true}, lua.LString(name), lua.LString(l.CheckString(i))); err != nil {
				l.RaiseError("%v", err)
			}
			found := l.Get(-1) != lua.LNil
			if l.Pop(1); found {
				delete(r.s.job.env, name)
			}
		}
	}
	return 0
}

// defineCoprocess enables a co-process that is defined in a file, where the
// option of its name is set: members of that option override the definition's.
func (r *luaRC) defineCoprocess(l *lua.LState) int {
	x, err := fromLua(l.CheckTable(1), 0)
	spec, ok := x.(map[string]any)
	if err != nil || !ok {
		l.RaiseError("coprocess.define: a table is expected")
	}
	name, _ := spec["name"].(string)
	if name == "" {
		l.RaiseError("coprocess.define: spec is missing required 'name'")
	}
	opts := r.s.job.opts
	given := opts.root[name]
	if given == nil {
		return 0
	}
	delete(spec, "name")
	var override, all map[string]any
	if message.Unmarshal(given, &override) == nil {
		for k, v := range override {
			spec[k] = v
		}
	}
	if raw := opts.root["coprocess"]; raw == nil || message.Unmarshal(raw, &all) != nil {
		all = map[string]any{}
	}
	all[name] = spec
	raw, err := message.Marshal(all)
	if err != nil {
		l.RaiseError("coprocess.define: %v", err)
	}
	opts.root["coprocess"] = jsontext.Value(raw)
	return 0
}
