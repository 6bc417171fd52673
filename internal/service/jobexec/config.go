// SPDX-License-Identifier: LGPL-3.0-or-later

package jobexec

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"syscall"
	"time"

	"goflux/fsd"
	"goflux/internal/install"
	"goflux/internal/message"
	"goflux/internal/sys/signame"
)

// config is the [exec] table (flux-config-exec(5)), overridden by the arguments
// of the module.
type config struct {
	shell   string // "": the installed one
	imp     string
	service string
	method  string

	termSignal     syscall.Signal
	killSignal     syscall.Signal
	killTimeout    time.Duration
	maxKillCount   int
	maxKillTimeout time.Duration // 0: the count decides

	barrierTimeout   time.Duration // 0: none
	shellExitTimeout time.Duration // 0: none
	// maxStartDelay is the part of a job's duration, in percent, that its start
	// may take before the job gets that time on top.
	maxStartDelay float64
	// nodeReturn is how long a node may be away before its jobs have lost it,
	// where brokers return.
	nodeReturn time.Duration

	sdexec sdexecConfig
}

// sdexecConfig is how systemd is to contain jobs.
type sdexecConfig struct {
	properties map[string]string
	constrain  bool
	stopTimer  int // seconds; 0: as long as a job is given to end
	stopSignal int
}

func defaults() config {
	return config{
		service: defaultService, method: "bulk-exec",
		termSignal: syscall.SIGTERM, killSignal: syscall.SIGKILL, killTimeout: 5 * time.Second, maxKillCount: 8,
		barrierTimeout: 30 * time.Minute, shellExitTimeout: 30 * time.Second, maxStartDelay: 25, nodeReturn: nodeReturn,
		sdexec: sdexecConfig{stopSignal: int(syscall.SIGUSR1)},
	}
}

// defaultService is the name of the service by which flux-core starts shells.
// Here it is job-agent that does, under any name that is configured.
const defaultService = "rexec"

// setting takes the value of a key: from TOML, or as text from an argument.
type setting func(c *config, key string, v any) error

// settings are the keys of [exec]; others are left to whom they concern.
var settings = map[string]setting{
	"job-shell":                  textSetting(func(c *config) *string { return &c.shell }),
	"imp":                        textSetting(func(c *config) *string { return &c.imp }),
	"service":                    textSetting(func(c *config) *string { return &c.service }),
	"method":                     methodSetting,
	"term-signal":                signalSetting(func(c *config) *syscall.Signal { return &c.termSignal }),
	"kill-signal":                signalSetting(func(c *config) *syscall.Signal { return &c.killSignal }),
	"kill-timeout":               timeSetting(func(c *config) *time.Duration { return &c.killTimeout }, false),
	"max-kill-timeout":           timeSetting(func(c *config) *time.Duration { return &c.maxKillTimeout }, false),
	"max-kill-count":             countSetting(func(c *config) *int { return &c.maxKillCount }),
	"barrier-timeout":            timeSetting(func(c *config) *time.Duration { return &c.barrierTimeout }, true),
	"shell-exit-timeout":         timeSetting(func(c *config) *time.Duration { return &c.shellExitTimeout }, true),
	"node-return-timeout":        timeSetting(func(c *config) *time.Duration { return &c.nodeReturn }, false),
	"max-start-delay-percent":    percentSetting,
	"sdexec-properties":          propertiesSetting,
	"sdexec-constrain-resources": constrainSetting,
	"sdexec-stop-timer-sec":      countSetting(func(c *config) *int { return &c.sdexec.stopTimer }),
	"sdexec-stop-timer-signal":   countSetting(func(c *config) *int { return &c.sdexec.stopSignal }),
}

// Reconfigure implements service.Configurable.
func (e *exec) Reconfigure() error {
	c := defaults()
	table, ok := e.h.Config()["exec"].(map[string]any)
	if !ok && e.h.Config()["exec"] != nil {
		return message.Errorf(syscall.EINVAL, "error reading config: exec is not a table")
	}
	if err := c.read(table); err != nil {
		return err
	}
	if err := c.read(e.args); err != nil {
		return err
	}
	e.conf = c
	if c.service == "sdexec" {
		e.h.Log().Warn("exec.service=sdexec: containment by systemd is not there yet; shells are started by job-agent")
	}
	return nil
}

// read takes settings from a table. EINVAL.
func (c *config) read(table map[string]any) error {
	for key, v := range table {
		set := settings[key]
		if set == nil {
			continue
		}
		if err := set(c, key, v); err != nil {
			return message.Errorf(syscall.EINVAL, "error reading config value exec.%s: %v", key, err)
		}
	}
	return nil
}

// moduleArgs are the arguments of the module as a table. EINVAL.
func moduleArgs(args []string) (map[string]any, error) {
	table := map[string]any{}
	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok || settings[key] == nil || key == "sdexec-properties" {
			return nil, message.Errorf(syscall.EINVAL, "job-exec: unknown option %s", arg)
		}
		table[key] = value
	}
	return table, nil
}

func textSetting(field func(*config) *string) setting {
	return func(c *config, _ string, v any) error {
		s, ok := v.(string)
		if !ok {
			return fmt.Errorf("%v is not a string", v)
		}
		*field(c) = s
		return nil
	}
}

func methodSetting(c *config, _ string, v any) error {
	if v != "bulk-exec" && v != "bgexec" {
		return fmt.Errorf("unknown exec.method \"%v\": want bulk-exec or bgexec", v)
	}
	c.method = v.(string)
	return nil
}

func signalSetting(field func(*config) *syscall.Signal) setting {
	return func(c *config, key string, v any) error {
		name, _ := v.(string)
		sig, ok := signame.Parse(name)
		if !ok {
			return fmt.Errorf("invalid %s: %v", key, v)
		}
		*field(c) = syscall.Signal(sig)
		return nil
	}
}

// timeSetting takes a duration (RFC 23). With optional, "0" and "none" turn off
// what it bounds.
func timeSetting(field func(*config) *time.Duration, optional bool) setting {
	return func(c *config, key string, v any) error {
		s, _ := v.(string)
		if optional && s == "none" {
			*field(c) = 0
			return nil
		}
		d, err := fsd.Parse(s)
		if err != nil || d == 0 && !optional {
			return fmt.Errorf("invalid %s: %v", key, v)
		}
		*field(c) = d
		return nil
	}
}

// countSetting takes a number from one on.
func countSetting(field func(*config) *int) setting {
	return func(c *config, key string, v any) error {
		n, ok := v.(int64)
		if s, isText := v.(string); isText {
			var err error
			n, err = strconv.ParseInt(s, 10, 32)
			ok = err == nil
		}
		if !ok || n < 1 || n > math.MaxInt32 {
			return fmt.Errorf("invalid %s: %v", key, v)
		}
		*field(c) = int(n)
		return nil
	}
}

func percentSetting(c *config, key string, v any) error {
	var f float64
	var err error
	switch v := v.(type) {
	case float64:
		f = v
	case int64:
		f = float64(v)
	case string:
		f, err = strconv.ParseFloat(v, 64)
	default:
		err = fmt.Errorf("not a number")
	}
	if err != nil || !(f >= 0) {
		return fmt.Errorf("invalid %s: %v", key, v)
	}
	c.maxStartDelay = f
	return nil
}

func propertiesSetting(c *config, key string, v any) error {
	table, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("exec.%s is not a table", key)
	}
	c.sdexec.properties = map[string]string{}
	for name, v := range table {
		if c.sdexec.properties[name], ok = v.(string); !ok {
			return fmt.Errorf("exec.%s.%s is not a string", key, name)
		}
	}
	return nil
}

func constrainSetting(c *config, key string, v any) error {
	switch v {
	case true, "true":
		c.sdexec.constrain = true
	case false, "false":
		c.sdexec.constrain = false
	default:
		return fmt.Errorf("exec.%s is not a boolean", key)
	}
	return nil
}

// stats is the configuration as module statistics show it.
func (c *config) stats() map[string]any {
	shell := c.shell
	if shell == "" {
		shell = install.Shell()
	}
	out := map[string]any{
		"default_cwd": "/", "default_job_shell": shell, "exec_service": c.service,
		"default_barrier_timeout": c.barrierTimeout.Seconds(), "shell_exit_timeout": c.shellExitTimeout.Seconds(),
		"sdexec_stop_timer_sec": c.stopTimer(), "sdexec_stop_timer_signal": c.sdexec.stopSignal,
		"sdexec_constrain_resources": 0,
	}
	if c.imp != "" {
		out["flux_imp_path"] = c.imp
	}
	if c.sdexec.constrain {
		out["sdexec_constrain_resources"] = 1
	}
	if c.sdexec.properties != nil {
		out["sdexec_properties"] = c.sdexec.properties
	}
	return out
}

// stopTimer is how long systemd waits for what a job leaves, in seconds: not
// less than the job itself is given to end.
func (c *config) stopTimer() int {
	if c.sdexec.stopTimer > 0 {
		return c.sdexec.stopTimer
	}
	return int(math.Ceil(c.patience().Seconds()))
}
