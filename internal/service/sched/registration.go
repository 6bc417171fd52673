// SPDX-License-Identifier: LGPL-3.0-or-later

package sched

import (
	"fmt"
	"strings"
	"syscall"

	core "goflux/internal/core/sched"
	"goflux/internal/message"
	"goflux/internal/service"
)

// Simple is the scheduler under the name it is loaded by unless a site says
// otherwise, for rank 0.
func Simple() *service.Registration { return named("sched-simple") }

// FIFO is the same scheduler under the name of flux-core's module of that policy.
func FIFO() *service.Registration { return named("sched-fifo") }

// Backfill is the scheduler with EASY backfill, under the name of flux-core's
// module of that policy.
func Backfill() *service.Registration { return named(backfillName) }

const backfillName = "sched-backfill"

func named(name string) *service.Registration {
	return &service.Registration{
		Name:    name,
		Aliases: []string{"sched", "feasibility"},
		New: func(h service.Host, args []string) (any, error) {
			opt, err := parseArgs(args)
			if err != nil {
				return nil, err
			}
			s := newScheduler(h, opt)
			s.backfill = name == backfillName
			return s, nil
		},
		Methods: []service.Method{
			service.Deferred("sched.alloc", service.Owner, (*scheduler).alloc),
			service.Deferred("sched.cancel", service.Owner, (*scheduler).cancel),
			service.Deferred("sched.free", service.Owner, (*scheduler).free),
			service.Deferred("sched.prioritize", service.Owner, (*scheduler).prioritize),
			service.Deferred("sched.expiration", service.Owner, (*scheduler).expiration),
			service.Raw("sched.resource-status", service.Guests, (*scheduler).resourceStatus),
			service.Deferred("feasibility.check", service.Guests, (*scheduler).feasibility),
		},
	}
}

// options are the module's arguments.
type options struct {
	depth     int // core.Unlimited for all
	partialOK bool
	logLevel  string
	debug     bool
}

// logLevels are the names that log-level takes, most important first.
var logLevels = []string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

func parseArgs(args []string) (*options, error) {
	o := &options{depth: core.DefaultDepth, partialOK: true, logLevel: "info"}
	for _, arg := range args {
		depth, ok, err := core.ParseDepth(arg)
		level, isLevel := strings.CutPrefix(arg, "log-level=")
		switch {
		case err != nil:
			return nil, message.Errorf(syscall.EINVAL, "%v", err)
		case ok:
			o.depth = depth
		case arg == "test-hello-nopartial":
			o.partialOK = false
		case isLevel:
			if err := o.setLevel(strings.ToLower(level)); err != nil {
				return nil, err
			}
		default:
			return nil, message.Errorf(syscall.EINVAL,
				"unknown argument '%s': built-in options are queue-depth, mode, log-level", arg)
		}
	}
	return o, nil
}

func (o *options) setLevel(name string) error {
	for _, l := range logLevels {
		if l == name {
			o.logLevel, o.debug = name, name == "debug"
			return nil
		}
	}
	return message.Errorf(syscall.EINVAL, "log-level='%s' is invalid: expected one of %s", name, strings.Join(logLevels, ", "))
}

// depthText is the depth as the log shows it.
func (o *options) depthText() string {
	if o.depth == core.Unlimited {
		return "unlimited"
	}
	return fmt.Sprint(o.depth)
}
