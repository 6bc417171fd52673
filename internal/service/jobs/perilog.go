// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"fmt"
	"strconv"
	"syscall"
	"time"

	"goflux/idset"
	"goflux/internal/core/job"
	"goflux/internal/core/lifecycle"
	"goflux/internal/core/perilog"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/jobid"
	"goflux/rset"
)

// perilogs is the plugin perilog.so: the site's prolog and epilog.
type perilogs struct {
	conf *perilogConfig // nil while the plugin is not loaded
	runs map[jobid.ID]*perilogRun
	// again are those that were under way when the instance stopped.
	again map[jobid.ID]bool
	// leaving: the instance ends; epilogs, which may take for ever, are not
	// started any more.
	leaving bool
}

// perilogRun is a prolog or epilog under way.
type perilogRun struct {
	job   *job.Job
	kind  perilog.Kind
	run   *perilog.Run
	cmd   *command
	timer service.Timer
}

// configurePerilog reads the configuration if the plugin is loaded.
func (s *jobs) configurePerilog() error {
	if !s.plugged(pluginPerilog) {
		s.perilogs.conf = nil
		s.setSite()
		return nil
	}
	conf, err := newPerilogConfig(s.h.Config())
	if err != nil {
		return err
	}
	s.perilogs.conf = conf
	s.setSite()
	return nil
}

// setSite tells the machine what is run around jobs.
func (s *jobs) setSite() {
	site := job.Site{
		Housekeeping: s.set != nil && s.set.housekeeping != nil, AllocCheck: s.plugged(pluginAllocCheck),
	}
	if c := s.perilogs.conf; c != nil {
		site.Prolog = c.site[perilog.Prolog] != nil
		site.Epilog = c.site[perilog.Epilog] != nil && !s.perilogs.leaving
	}
	s.m.SetSite(site)
}

// watchEnd learns when the instance begins to end.
func (s *jobs) watchEnd() {
	final := int(lifecycle.Cleanup)
	s.h.Request(service.Request{
		Topic: "state-machine.monitor", NodeID: message.NodeAny, Flags: message.FlagStreaming,
		Payload: rpc.StateMonitor{Final: &final},
	}, func(m *message.Message) {
		var state rpc.StateNumber
		if m.Err() == nil && m.Decode(&state) == nil && lifecycle.State(state.State) >= lifecycle.Cleanup {
			s.perilogs.leaving = true
			s.setSite()
		}
	})
}

// runPerilog starts the site's command for a job.
func (s *jobs) runPerilog(j *job.Job, kind perilog.Kind) {
	if s.perilogs.runs[j.ID] != nil {
		return // the job manager was loaded anew, the command goes on
	}
	conf := s.perilogs.conf
	if conf == nil || conf.site[kind] == nil {
		s.perilogEnded(j, kind, 1<<8, fmt.Sprintf("job %s is no longer configured", kind))
		return
	}
	r, err := rset.Parse(j.R)
	if err != nil {
		s.perilogEnded(j, kind, 1<<8, fmt.Sprintf("failed to start job %s: R: %v", kind, err))
		return
	}
	spec, ranks := conf.site[kind], idset.New(0)
	if spec.limits.PerRank {
		ranks = r.Ranks()
	}
	p := &perilogRun{job: j, kind: kind, run: perilog.Start(s.now(), kind, idText(j.ID), spec.limits, ranks)}
	env := siteEnv(idText(j.ID), strconv.FormatUint(uint64(j.UserID), 10), r.Ranks())
	p.cmd = s.newCommand(spec.command, env, commandEvents{
		output: func(rank uint32, stream, line string) { s.perilogOutput(p, rank, stream, line) },
		ended:  func(rank uint32, status int, err error) { s.perilogExited(p, rank, status, err) },
	})
	if s.perilogs.again[j.ID] {
		delete(s.perilogs.again, j.ID)
		p.cmd.waitForNodes()
	}
	s.perilogs.runs[j.ID] = p
	s.armPerilog(p)
	p.cmd.start(ranks)
}

func (s *jobs) perilogExited(p *perilogRun, rank uint32, status int, err error) {
	if err == nil {
		s.stepPerilog(p, p.run.Exited(rank, status))
		return
	}
	s.h.Log().Error(fmt.Sprintf("%s: %s: %s (rank %d): %v", idText(p.job.ID), p.kind, s.hostOf(rank), rank, err))
	s.stepPerilog(p, p.run.Failed(rank, message.Errno(err)))
}

// stopPerilog tells a command that its job got a fatal exception.
func (s *jobs) stopPerilog(j *job.Job) {
	if p := s.perilogs.runs[j.ID]; p != nil {
		s.stepPerilog(p, p.run.Exception(s.now()))
	}
}

// stepPerilog carries out what has been decided about a command.
func (s *jobs) stepPerilog(p *perilogRun, effects []perilog.Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case perilog.Terminate:
			p.cmd.kill(e.Ranks, syscall.SIGTERM)
		case perilog.Drain:
			s.drainRanks(e.Ranks, e.Reason, func() { s.stepPerilog(p, p.run.Drained()) })
		case perilog.Over:
			s.overPerilog(p, e.Result)
		}
	}
	s.armPerilog(p)
}

// overPerilog ends a command and lets its job go on.
func (s *jobs) overPerilog(p *perilogRun, r perilog.Result) {
	delete(s.perilogs.runs, p.job.ID)
	failure := ""
	if r.Failed {
		failure = fmt.Sprintf("%s on %s (rank %s)", r.What, s.hostsOf(r.Ranks), r.Ranks)
	}
	s.perilogEnded(p.job, p.kind, r.Status, failure)
}

func (s *jobs) perilogEnded(j *job.Job, kind perilog.Kind, status int, failure string) {
	if s.m.Job(j.ID) != j {
		return
	}
	if kind == perilog.Prolog {
		s.m.PrologEnded(s.now(), j, status, failure)
		return
	}
	s.m.EpilogEnded(s.now(), j, status, failure)
}

// drainRanks takes nodes out of service and then calls fn, whether that went
// well or not: it is logged, and the job must go on.
func (s *jobs) drainRanks(ranks *idset.Set, reason string, fn func()) {
	s.h.Request(service.Request{
		Topic: "resource.drain", NodeID: 0,
		Payload: &rpc.ResourceDrain{Targets: ranks.String(), Reason: &reason, Mode: "update"},
	}, func(m *message.Message) {
		if err := m.Err(); err != nil {
			s.h.Log().Error("draining nodes", "ranks", ranks.String(), "reason", reason, "err", err)
		}
		fn()
	})
}

// armPerilog sets the timer for a command's next limit.
func (s *jobs) armPerilog(p *perilogRun) {
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	at, ok := p.run.Next()
	if !ok {
		return
	}
	p.timer = s.h.After(s.until(at), func() { s.stepPerilog(p, p.run.Tick(s.now())) })
}

// until is how long it is to a time of an event, never less than a moment: a
// timer that comes a little early must not spin.
func (s *jobs) until(at float64) time.Duration {
	return max(time.Duration((at-s.now())*float64(time.Second)), time.Millisecond)
}

func (s *jobs) perilogOutput(p *perilogRun, rank uint32, stream, line string) {
	if conf := s.perilogs.conf; conf != nil && conf.ignores(line) {
		return
	}
	text := fmt.Sprintf("%s: %s: %s (rank %d): %s: %s", idText(p.job.ID), p.kind, s.hostOf(rank), rank, stream, line)
	if stream == "stderr" {
		s.h.Log().Error(text)
		return
	}
	s.h.Log().Info(text)
}

// perilogQuery is what flux jobtap query shows of the plugin.
func (s *jobs) perilogQuery(o map[string]any) {
	procs := map[string]perilog.Report{}
	for id, p := range s.perilogs.runs {
		procs[idText(id)] = p.run.Report(s.now())
	}
	o["procs"] = procs
	o["conf"] = map[string]any{"prolog": map[string]any{}, "epilog": map[string]any{}}
	if s.perilogs.conf != nil {
		o["conf"] = s.perilogs.conf.describe()
	}
}
