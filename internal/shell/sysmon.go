// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"fmt"
	"time"

	"goflux/flux"
)

// sysmon logs what the job's cgroup has used on this node: at the end and, when
// the shell is to trace, with each heartbeat or the given period.
type sysmon struct {
	s           *Shell
	cgroup      cgroup
	memory, cpu bool    // what the cgroup tells of
	period      float64 // seconds; negative for heartbeats
	first, last cpuSample
	tick        *timer
}

// cpuSample is how much processor time has been used at a time.
type cpuSample struct {
	at   time.Time
	used time.Duration
}

func (m *sysmon) init() error {
	opts := m.s.job.opts
	if !opts.isSet("sysmon") {
		return nil
	}
	m.period = -1
	if err := opts.only("sysmon", "period"); err != nil {
		return fmt.Errorf("sysmon: option parse error: %w", err)
	}
	if opts.isSet("sysmon.period") {
		if err := opts.seconds("sysmon.period", &m.period); err != nil || m.period <= 0 {
			return fmt.Errorf("sysmon: sysmon.period is not a valid FSD: %s", opts.get("sysmon.period"))
		}
	}
	m.open(m.s.seat.cgroup)
	return nil
}

// open finds out what a cgroup tells.
func (m *sysmon) open(c cgroup) {
	m.cgroup = c
	_, peak := c.number("memory.peak")
	_, current := c.number("memory.current")
	m.memory = peak && current
	_, m.cpu = m.sample()
	if !m.memory {
		m.s.log.warnf("sysmon", "no memory.peak/memory.current (disabled)")
	}
	if !m.cpu {
		m.s.log.warnf("sysmon", "no cpu.stat (disabled)")
	}
}

func (m *sysmon) sample() (cpuSample, bool) {
	usec, ok := m.cgroup.keyed("cpu.stat", "usage_usec")
	return cpuSample{time.Now(), time.Duration(usec) * time.Microsecond}, ok
}

// load is how many processors were busy between two samples, on average.
func (a cpuSample) load(b cpuSample) float64 {
	if !b.at.After(a.at) {
		return 0
	}
	return float64(b.used-a.used) / float64(b.at.Sub(a.at))
}

func (m *sysmon) active() bool { return m.memory || m.cpu }

func (m *sysmon) start() error {
	if !m.active() {
		return nil
	}
	m.first, _ = m.sample()
	m.last = m.first
	switch {
	case m.s.verbose < 2:
	case m.period > 0:
		m.again()
	default:
		go m.followHeart(m.s.link.conn())
	}
	return nil
}

func (m *sysmon) again() {
	m.tick = m.s.after(duration(m.period), func() {
		m.trace()
		m.again()
	})
}

// followHeart traces with each heartbeat, until the broker is gone.
func (m *sysmon) followHeart(c *flux.Client) {
	sub, err := c.Subscribe(m.s.link.ctx, "heartbeat.pulse")
	for err == nil {
		if _, err = sub.Next(m.s.link.ctx); err == nil {
			m.s.post(m.trace)
		}
	}
}

func (m *sysmon) trace() {
	if n, ok := m.cgroup.number("memory.current"); m.memory && ok {
		m.s.log.tracef("sysmon", "memory.current=%s", sizeText(n))
	}
	if now, ok := m.sample(); m.cpu && ok {
		m.s.log.tracef("sysmon", "loadavg=%.2f", m.last.load(now))
		m.last = now
	}
}

// finish sums up.
func (m *sysmon) finish() {
	m.tick.stop()
	if n, ok := m.cgroup.number("memory.peak"); m.memory && ok {
		m.s.log.infof("sysmon", "memory.peak=%s", sizeText(n))
	}
	if now, ok := m.sample(); m.cpu && ok {
		m.s.log.infof("sysmon", "loadavg-overall=%.2f", m.first.load(now))
	}
}
