// SPDX-License-Identifier: LGPL-3.0-or-later

package cron

import (
	"math"
	"syscall"
	"time"

	"goflux/internal/core/cron"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

func (s *instance) create(_ *service.Call, req *rpc.CronCreate) (any, error) {
	if req.Type == "" || req.Command == "" || req.Args == nil {
		return nil, message.Errorf(syscall.EPROTO, "type, command and args are required")
	}
	spec, err := specOf(req)
	if err != nil {
		return nil, err
	}
	e, err := s.m.Create(s.h.Now(), spec)
	if err != nil {
		return nil, err
	}
	s.listen()
	return describe(e), nil
}

func specOf(req *rpc.CronCreate) (cron.Spec, error) {
	spec := cron.Spec{
		Name: req.Name, Command: req.Command, Cwd: req.Cwd, Env: req.Environ, Rank: req.Rank,
		Repeat: req.Repeat, History: 1, StopOnFailure: req.StopOnFailure,
	}
	if req.History != nil {
		spec.History = *req.History
	}
	var err error
	if req.Timeout != nil && *req.Timeout > 0 {
		if spec.Timeout, err = seconds(*req.Timeout); err != nil {
			return spec, err
		}
	}
	spec.Trigger, err = triggerOf(req)
	return spec, err
}

func triggerOf(req *rpc.CronCreate) (cron.Trigger, error) {
	switch req.Type {
	case "interval":
		return decoded(req, interval)
	case "event":
		return decoded(req, event)
	case "datetime":
		return decoded(req, date)
	}
	return nil, message.Errorf(syscall.ENOSYS, "%s: no such type of cron entry", req.Type)
}

// decoded makes a trigger of the arguments of its type.
func decoded[A any](req *rpc.CronCreate, trigger func(A) (cron.Trigger, error)) (cron.Trigger, error) {
	var args A
	if err := message.Unmarshal(req.Args, &args); err != nil {
		return nil, message.Errorf(syscall.EPROTO, "arguments of type %s: %v", req.Type, err)
	}
	return trigger(args)
}

func interval(args rpc.CronInterval) (cron.Trigger, error) {
	if args.Interval == nil {
		return nil, message.Errorf(syscall.EPROTO, "no interval")
	}
	every, err := seconds(*args.Interval)
	if err != nil {
		return nil, err
	}
	t := cron.Interval{Every: every, After: every}
	if args.After != nil && *args.After >= 0 {
		t.After, err = seconds(*args.After)
	}
	return t, err
}

func event(args rpc.CronEvent) (cron.Trigger, error) {
	least, err := seconds(args.MinInterval)
	return cron.Event{Topic: args.Topic, Nth: args.Nth, After: args.After, MinInterval: least}, err
}

func date(args rpc.CronDate) (cron.Trigger, error) {
	c := cron.NewCalendar()
	for u := range cron.Units {
		var err error
		switch v := args[u.String()].(type) {
		case nil:
		case string:
			err = c.Set(u, v)
		case int64:
			err = c.SetNumber(u, v)
		default:
			err = message.Errorf(syscall.EPROTO, "%s is neither a number nor a text", u)
		}
		if err != nil {
			return nil, message.Errorf(syscall.EINVAL, "%v", err)
		}
	}
	return cron.Date{Calendar: c}, nil
}

// seconds is a duration of the wire.
func seconds(n float64) (time.Duration, error) {
	const most = math.MaxInt64 / float64(time.Second)
	if math.IsNaN(n) || n < 0 || n >= most {
		return 0, message.Errorf(syscall.EINVAL, "%g is no duration in seconds", n)
	}
	return time.Duration(n * float64(time.Second)), nil
}
