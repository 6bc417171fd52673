// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"fmt"
	"math"
	"regexp"
	"syscall"

	"goflux/fsd"
	"goflux/internal/config"
	"goflux/internal/core/perilog"
	"goflux/internal/message"
)

// perilogConfig is what the configuration says about prolog and epilog
// (flux-config-job-manager(5), perilog.so).
type perilogConfig struct {
	site   [2]*perilogSpec // by perilog.Kind, nil when not configured
	ignore []*regexp.Regexp
}

// perilogSpec is one of the two.
type perilogSpec struct {
	command []string
	limits  perilog.Limits
}

// Limits where the configuration says nothing.
const (
	prologTimeout      = "30m"
	epilogTimeout      = "0"
	perilogKillTimeout = 60.0 // seconds
)

func newPerilogConfig(conf map[string]any) (*perilogConfig, error) {
	p := &perilogConfig{}
	imp, _ := config.Read(conf, "exec").String("imp")
	manager, _ := conf["job-manager"].(map[string]any)
	for _, kind := range [...]perilog.Kind{perilog.Prolog, perilog.Epilog} {
		v, ok := manager[kind.String()]
		if !ok {
			continue
		}
		spec, err := newPerilogSpec(kind, v, imp)
		if err != nil {
			return nil, err
		}
		p.site[kind] = spec
	}
	v, ok := manager["perilog"]
	if !ok {
		return p, nil
	}
	return p, p.readCommon(v)
}

func newPerilogSpec(kind perilog.Kind, v any, imp string) (*perilogSpec, error) {
	name := "job-manager." + kind.String()
	c := config.Read(map[string]any{name: v}, name)
	spec := &perilogSpec{limits: perilog.Limits{KillTimeout: perilogKillTimeout, CancelOnException: kind == perilog.Prolog}}
	l := &spec.limits
	command, _ := c.Any("command")
	timeout, ok := c.String("timeout")
	if !ok {
		timeout = [...]string{prologTimeout, epilogTimeout}[kind]
	}
	l.PerRank, _ = c.Bool("per-rank")
	if b, ok := c.Bool("cancel-on-exception"); ok {
		l.CancelOnException = b
	}
	c.Bool("exit-on-first-error") // is for flux-run-system-scripts
	if v, ok := c.Any("kill-timeout"); ok {
		if l.KillTimeout = number(v); l.KillTimeout <= 0 {
			c.Fail("kill-timeout", "must be a positive number of seconds")
		}
	}
	if err := c.Err(true); err != nil {
		return nil, err
	}
	fail := func(err error) (*perilogSpec, error) {
		return nil, message.Errorf(syscall.EINVAL, "[%s] %v", name, err)
	}
	var err error
	if spec.command, err = siteCommand(command, imp, kind.String()); err != nil {
		return fail(err)
	}
	if l.Timeout, err = fsd.ParseSeconds(timeout); err != nil {
		return fail(fmt.Errorf("invalid %s timeout: %w", kind, err))
	}
	if math.IsInf(l.Timeout, 1) {
		l.Timeout = 0
	}
	return spec, nil
}

// readCommon reads [job-manager.perilog].
func (p *perilogConfig) readCommon(v any) error {
	const name = "job-manager.perilog"
	c := config.Read(map[string]any{name: v}, name)
	list, ok := c.Any("log-ignore")
	patterns, isArray := list.([]any)
	if ok && !isArray {
		c.Fail("log-ignore", "not an array")
	}
	for _, v := range patterns {
		text, ok := v.(string)
		if !ok {
			c.Fail("log-ignore", "all entries must be a string value")
			continue
		}
		re, err := regexp.Compile(text)
		if err != nil {
			c.Fail("log-ignore", "Failed to compile regex: %s: %v", text, err)
			continue
		}
		p.ignore = append(p.ignore, re)
	}
	return c.Err(true)
}

// ignores reports whether a line of output is not to be logged.
func (p *perilogConfig) ignores(line string) bool {
	for _, re := range p.ignore {
		if re.MatchString(line) {
			return true
		}
	}
	return false
}

// describe is the configuration as flux jobtap query shows it.
func (p *perilogConfig) describe() map[string]any {
	out := map[string]any{}
	for kind, spec := range p.site {
		o := map[string]any{}
		if spec != nil {
			o = map[string]any{
				"command": spec.command, "per_rank": spec.limits.PerRank, "cancel_on_exception": spec.limits.CancelOnException,
				"timeout": spec.limits.Timeout, "kill-timeout": spec.limits.KillTimeout,
			}
		}
		out[perilog.Kind(kind).String()] = o
	}
	return out
}
