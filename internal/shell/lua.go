// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"

	"goflux/internal/install"
	"goflux/internal/message"
)

// luaRC runs initrc files (flux-shell-initrc(5)): Lua by which a site or a
// user changes options and environment and adds plugins of its own. A Lua
// state is made only when there is a file to run. Plugins in C are for another
// shell: naming one that exists is an error, a pattern passes them over. The
// hook task.exec, which runs in the task's process before its program, does
// not exist here.
type luaRC struct {
	s       *Shell
	state   *lua.LState
	rcpath  string // directory of the first file
	search  string // plugin.searchpath
	current *task  // in a task hook
	plugins []*luaPlugin
	last    string // what shell.die was told
}

// luaPlugin is a plugin registered by a file.
type luaPlugin struct {
	name     string
	handlers []luaHandler
}

type luaHandler struct {
	topic string // a pattern
	fn    *lua.LFunction
}

// load runs the initrc: the one of the option initrc, or the system's, or,
// where there is none, what is beside it, and then the user's.
func (r *luaRC) load() error {
	file, search := r.s.attr("conf.shell_initrc"), r.s.attr("conf.shell_pluginpath")
	if file == "" {
		file, _ = install.Builtin("shell_initrc")
	}
	if r.search = search; search == "" {
		r.search, _ = install.Builtin("shell_pluginpath")
	}
	var wanted, user string
	if err := firstError(r.s.job.opts.str("initrc", &wanted), r.s.job.opts.str("userrc", &user)); err != nil {
		return err
	}
	r.rcpath = filepath.Dir(file)
	switch _, err := os.Stat(file); {
	case wanted != "":
		return r.runFirst(wanted)
	case err == nil:
		return r.runFirst(file)
	}
	return r.defaults(user)
}

func (r *luaRC) runFirst(file string) error {
	r.s.log.debugf("", "Loading %s", file)
	r.rcpath = filepath.Dir(file)
	if err := r.run(file); err != nil {
		return fmt.Errorf("loading rc file %s: %w", file, err)
	}
	return nil
}

// defaults is what the system's file does where there is none.
func (r *luaRC) defaults(user string) error {
	for _, dir := range r.rcDirs() {
		if err := r.source(filepath.Join(dir, "*.lua"), true); err != nil {
			return err
		}
	}
	if mpi, version := r.s.job.opts.version("mpi"); mpi != "" && mpi != "none" {
		if err := r.sourceOption("mpi", mpi, version); err != nil {
			return err
		}
	}
	if user != "" {
		return r.source(user, false)
	}
	return nil
}

// rcDirs are where additions are looked for.
func (r *luaRC) rcDirs() []string {
	dirs := []string{filepath.Join(r.rcpath, "lua.d")}
	return append(dirs, filepath.SplitList(r.s.job.env["FLUX_SHELL_RC_PATH"])...)
}

// source runs the files that match a pattern; a name that is none must exist
// unless it may be missing.
func (r *luaRC) source(pattern string, mayMiss bool) error {
	names := []string{pattern}
	if strings.ContainsAny(pattern, "*?[") {
		var err error
		if names, err = filepath.Glob(pattern); err != nil {
			return fmt.Errorf("source %s: %w", pattern, err)
		}
	} else if _, err := os.Stat(pattern); errors.Is(err, syscall.ENOENT) {
		if mayMiss {
			return nil
		}
		return fmt.Errorf("source %s: No such file or directory", pattern)
	}
	for _, name := range names {
		if err := r.run(name); err != nil {
			return fmt.Errorf("source %s failed: %w", name, err)
		}
	}
	return nil
}

func (r *luaRC) sourceOption(option, value, version string) error {
	for _, dir := range r.rcDirs() {
		base := filepath.Join(dir, option, value)
		if err := r.source(base+".lua", true); err != nil {
			return err
		}
		if version != "" {
			if err := r.source(base+"@"+version+".lua", true); err != nil {
				return err
			}
		}
	}
	return nil
}

// run runs a file.
func (r *luaRC) run(file string) error {
	if r.state == nil {
		r.open()
	}
	fn, err := r.state.LoadFile(file)
	if err == nil {
		r.state.Push(fn)
		top := r.state.GetTop() - 1
		err = r.state.PCall(0, lua.MultRet, nil)
		r.state.SetTop(top)
	}
	r.mayDie()
	return luaError(file, err)
}

// luaError words errors as Lua programmers know them.
func luaError(file string, err error) error {
	var api *lua.ApiError
	var syntax *parse.Error
	var cannot *fs.PathError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &cannot), errors.As(err, &api) && errors.As(api.Cause, &cannot): // the caller names the file
		return errors.New(message.ErrnoText(message.Errno(cannot)))
	case errors.As(err, &syntax):
		return fmt.Errorf("%s:%d: unexpected symbol near '%s'", file, syntax.Pos.Line, syntax.Token)
	case errors.As(err, &api) && errors.As(api.Cause, &syntax):
		return fmt.Errorf("%s:%d: unexpected symbol near '%s'", file, syntax.Pos.Line, syntax.Token)
	case errors.As(err, &api) && api.Object != lua.LNil:
		return errors.New(api.Object.String())
	}
	return err
}

// call calls the handlers of all plugins for a topic. A handler that fails, or
// returns false, fails.
func (r *luaRC) call(topic string, t *task) error {
	if r.state == nil {
		return nil
	}
	before := r.current
	r.current = t
	defer func() { r.current = before }()
	for _, p := range r.plugins {
		for _, h := range p.handlers {
			if ok, _ := path.Match(h.topic, topic); !ok {
				continue
			}
			if err := r.callOne(h.fn, topic); err != nil {
				return fmt.Errorf("plugin '%s': %s failed: %w", p.name, topic, err)
			}
		}
	}
	return nil
}

// mayDie ends the shell after a call of shell.die, which Lua takes for an error.
func (r *luaRC) mayDie() {
	if r.last != "" {
		r.s.die(1, "%s", r.last)
	}
}

// errRefused is a handler's answer false.
var errRefused = errors.New("the handler returned false")

func (r *luaRC) callOne(fn *lua.LFunction, topic string) error {
	r.state.Push(fn)
	r.state.Push(lua.LString(topic))
	if err := r.state.PCall(1, 1, nil); err != nil {
		r.mayDie()
		return luaError("", err)
	}
	result := r.state.Get(-1)
	r.state.Pop(1)
	if result == lua.LFalse {
		return errRefused
	}
	return nil
}

// warn is for hooks whose failure ends nothing.
func (r *luaRC) warn(topic string, t *task) {
	if err := r.call(topic, t); err != nil {
		r.s.log.errorf("", "%v", err)
	}
}

func (r *luaRC) init() error               { return r.call("shell.init", nil) }
func (r *luaRC) prepareTask(t *task) error { return r.call("task.init", t) }
func (r *luaRC) taskStarted(t *task)       { r.warn("task.fork", t) }
func (r *luaRC) start() error              { return r.call("shell.start", nil) }
func (r *luaRC) taskExited(t *task)        { r.warn("task.exit", t) }
func (r *luaRC) finish()                   { r.warn("shell.finish", nil) }
func (r *luaRC) tasksComplete()            { r.warn("shell.tasks-complete", nil) }
func (r *luaRC) reconnected()              { r.warn("shell.reconnect", nil) }
func (r *luaRC) stop() {
	r.warn("shell.exit", nil)
	if r.state != nil {
		r.state.Close()
	}
}
