// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"syscall"

	"goflux/internal/config"
	"goflux/internal/install"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// What flux-core does with plugins of the job manager (flux-jobtap(1)) is
// built in here. The plugins keep their names: they are listed, removed and
// loaded, and a removed one no longer does what it is for.
const (
	pluginPriority         = ".priority-default"
	pluginLimitSize        = ".limit-job-size"
	pluginLimitDuration    = ".limit-duration"
	pluginAfter            = ".dependency-after"
	pluginSingleton        = ".dependency-singleton"
	pluginBeginTime        = ".begin-time"
	pluginValidateDuration = ".validate-duration"
	pluginUpdateDuration   = ".update-duration"
	pluginHistory          = ".history"
	pluginPostEvent        = ".post-event"
	pluginUpdateQueue      = ".update-queue"
	pluginSubmitHold       = "submit-hold.so"
	pluginAllocBypass      = "alloc-bypass.so"
	pluginAllocCheck       = "alloc-check.so"
	pluginPerilog          = "perilog.so"
)

// always are the plugins that are loaded from the start, available those that
// may be loaded by name.
var (
	always = []string{
		pluginPriority, pluginLimitSize, pluginLimitDuration, pluginAfter, pluginSingleton, pluginBeginTime,
		pluginValidateDuration, pluginUpdateDuration, pluginHistory, pluginPostEvent, pluginUpdateQueue,
	}
	available = append(slices.Clone(always), pluginSubmitHold, pluginAllocBypass, pluginAllocCheck, pluginPerilog)
)

// plugin is a loaded plugin.
type plugin struct {
	name string
	conf map[string]any
}

// flag reads a number of the plugin's configuration as yes or no.
func (p *plugin) flag(key string, otherwise bool) bool {
	switch v := p.conf[key].(type) {
	case int64:
		return v != 0
	case bool:
		return v
	}
	return otherwise
}

func (s *jobs) plugin(name string) *plugin {
	for _, p := range s.plugins {
		if p.name == name {
			return p
		}
	}
	return nil
}

// plugged reports whether a plugin is loaded.
func (s *jobs) plugged(name string) bool { return s.plugin(name) != nil }

// directive is an element of job-manager.plugins in the configuration, or a
// request to the same end.
type directive struct {
	load, remove string
	conf         map[string]any
}

func newDirective(c *config.Section) (directive, error) {
	var d directive
	d.load, _ = c.String("load")
	d.remove, _ = c.String("remove")
	d.conf, _ = c.Table("conf")
	return d, c.Err(true)
}

// direct carries out a directive: removing comes first.
func (s *jobs) direct(d directive) error {
	if d.remove != "" {
		if err := s.unplug(d.remove); err != nil {
			return err
		}
	}
	if d.load != "" {
		return s.plug(d.load, d.conf)
	}
	return nil
}

// plug loads a built-in plugin. ENOENT, EEXIST.
func (s *jobs) plug(name string, conf map[string]any) error {
	file := path.Base(name)
	switch {
	case !slices.Contains(available, file):
		return message.Errorf(syscall.ENOENT, "%s: No such plugin found", name)
	case s.plugged(file):
		return message.Errorf(syscall.EEXIST, "%s: already loaded", file)
	}
	s.plugins = append(s.plugins, &plugin{file, conf})
	if file != pluginPerilog {
		s.setSite()
		return nil
	}
	if err := s.configurePerilog(); err != nil {
		s.plugins = s.plugins[:len(s.plugins)-1]
		return err
	}
	return nil
}

// unplug removes the plugins that match a pattern. "all" are those that users
// have loaded: a pattern does not match a leading period. ENOENT.
func (s *jobs) unplug(pattern string) error {
	all := pattern == "all"
	if all {
		pattern = "*"
	}
	before := len(s.plugins)
	s.plugins = slices.DeleteFunc(s.plugins, func(p *plugin) bool {
		if strings.HasPrefix(p.name, ".") && !strings.HasPrefix(pattern, ".") {
			return false
		}
		ok, err := path.Match(pattern, p.name)
		return ok && err == nil
	})
	if len(s.plugins) == before && !all {
		return message.Errorf(syscall.ENOENT, "Failed to find plugin to remove: %s", pattern)
	}
	if !s.plugged(pluginPerilog) && s.perilogs.conf != nil {
		return s.configurePerilog()
	}
	s.setSite()
	return nil
}

func (s *jobs) jobtap(_ *service.Call, req *rpc.Jobtap) (any, error) {
	if req.QueryOnly {
		list := rpc.JobtapList{Plugins: []string{}}
		for _, p := range s.plugins {
			list.Plugins = append(list.Plugins, p.name)
		}
		return list, nil
	}
	return nil, s.direct(directive{req.Load, req.Remove, req.Conf})
}

func (s *jobs) jobtapQuery(_ *service.Call, req *rpc.JobtapQuery) (any, error) {
	p := s.plugin(req.Name)
	if p == nil {
		return nil, message.Errorf(syscall.ENOENT, "%s: plugin not found", req.Name)
	}
	file := "builtin"
	if dir, ok := install.Builtin("jobtap_pluginpath"); ok && !strings.HasPrefix(p.name, ".") {
		file = path.Join(dir, p.name)
	}
	out := map[string]any{"name": p.name, "path": file}
	switch p.name {
	case pluginPerilog:
		s.perilogQuery(out)
	case pluginSingleton:
		for _, l := range s.m.Singletons() {
			out[fmt.Sprintf("%d:%s", l.UserID, l.Name)] = map[string]any{"count": l.Count, "singletons": l.Wait}
		}
	case pluginAfter:
		out["dependencies"] = s.waiting()
	}
	return out, nil
}

// waiting is what flux jobtap query shows of jobs that wait for others.
func (s *jobs) waiting() []map[string]any {
	list := []map[string]any{}
	for _, w := range s.m.Waiting() {
		list = append(list, map[string]any{"id": w.On, "depid": w.Job, "type": w.Kind, "description": w.Description})
	}
	return list
}
