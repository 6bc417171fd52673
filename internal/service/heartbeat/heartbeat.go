// SPDX-License-Identifier: LGPL-3.0-or-later

package heartbeat

import (
	"fmt"
	"strings"
	"syscall"
	"time"

	"goflux/fsd"
	"goflux/internal/config"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// Service is the registration.
var Service = &service.Registration{Name: "heartbeat", New: construct}

// Event is the pulse.
const Event = "heartbeat.pulse"

// settings are the [heartbeat] table.
type settings struct {
	period  time.Duration
	timeout time.Duration // 0: never
	warn    int64         // periods without a pulse before a warning
}

// heartbeat is the instance.
type heartbeat struct {
	h service.Host
	settings
	timer  service.Timer
	count  int
	last   time.Time // of the last pulse
	warned bool
}

func construct(h service.Host, args []string) (any, error) {
	hb := &heartbeat{h: h, last: h.Now()}
	s, err := read(h.Config())
	if err != nil {
		return nil, err
	}
	for _, a := range args {
		text, ok := strings.CutPrefix(a, "period=")
		if !ok {
			return nil, message.Errorf(syscall.EINVAL, "%s: unknown option", a)
		}
		if s.period, err = fsd.Parse(text); err != nil {
			return nil, message.Errorf(syscall.EINVAL, "period: error parsing FSD: %v", err)
		}
	}
	hb.settings = s
	if h.Rank() != 0 {
		h.Subscribe(Event, func(*message.Message) {
			hb.count++
			hb.last = h.Now()
		})
	}
	hb.beat()
	return hb, nil
}

// read reads the [heartbeat] table.
func read(conf config.Table) (settings, error) {
	s := settings{period: 2 * time.Second, timeout: 5 * time.Minute, warn: 3}
	t := config.Read(conf, "heartbeat")
	if d, ok := t.Duration("period"); ok {
		s.period = d
	}
	if d, ok := t.Duration("timeout"); ok {
		s.timeout = d
	}
	if n, ok := t.Int("warn_thresh"); ok {
		s.warn = n
	}
	if err := t.Err(true); err != nil {
		return s, err
	}
	if s.timeout == config.Forever {
		s.timeout = 0
	}
	switch {
	case s.period <= 0:
		return s, message.Errorf(syscall.EINVAL, "heartbeat.period must be a positive FSD value")
	case s.timeout != 0 && s.timeout < 2*s.period:
		return s, message.Errorf(syscall.EINVAL, "heartbeat.timeout must be >= 2*heartbeat.period, infinity, or 0")
	case s.warn <= 0:
		return s, message.Errorf(syscall.EINVAL, "heartbeat.warn_thresh must be positive")
	}
	return s, nil
}

// beat publishes, or looks for, the pulse once a period.
func (hb *heartbeat) beat() {
	if hb.h.Rank() == 0 {
		hb.count++
		hb.last = hb.h.Now()
		hb.h.Publish(Event, nil)
	} else {
		hb.look()
	}
	hb.timer = hb.h.After(hb.period, hb.beat)
}

// look warns of a pulse that is overdue and gives up on one that has stopped.
func (hb *heartbeat) look() {
	silence := hb.h.Now().Sub(hb.last)
	overdue := silence > time.Duration(hb.warn)*hb.period
	if overdue != hb.warned {
		hb.warned = overdue
		hb.h.Log().Warn(map[bool]string{true: "heartbeat overdue", false: "heartbeat received"}[overdue])
	}
	if hb.timeout > 0 && silence >= hb.timeout {
		hb.h.Request(service.Request{
			Topic: "overlay.disconnect-parent", NodeID: message.NodeAny,
			Payload: rpc.OverlayReason{Reason: fmt.Sprintf("no heartbeat for %s", fsd.FormatDuration(silence))},
		}, nil)
		hb.last = hb.h.Now()
	}
}

// Reconfigure applies a new [heartbeat] table.
func (hb *heartbeat) Reconfigure() error {
	s, err := read(hb.h.Config())
	if err != nil {
		return err
	}
	if s.period != hb.period {
		hb.timer.Stop()
		defer hb.beat()
	}
	hb.settings = s
	return nil
}

// Stats answers heartbeat.stats-get; seconds, a timeout of -1 is none.
func (hb *heartbeat) Stats() any {
	timeout := hb.timeout.Seconds()
	if hb.timeout == 0 {
		timeout = -1
	}
	return map[string]any{
		"period": hb.period.Seconds(), "timeout": timeout, "count": hb.count, "warn_thresh": hb.warn,
	}
}
