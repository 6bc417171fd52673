// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"goflux/idset"
	"goflux/internal/core/housekeeping"
	"goflux/internal/core/job"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/jobid"
	"goflux/rset"
)

// cleaning is housekeeping: what it holds, and the commands under way.
type cleaning struct {
	m     *housekeeping.Machine
	cmds  map[jobid.ID]*command
	timer service.Timer
}

// metaHousekeeping begins the store's keys of what housekeeping holds, one a
// job, so that after a restart no node is given away uncleaned.
const metaHousekeeping = "job-manager.housekeeping."

// keptAllocation is the value of such a key.
type keptAllocation struct {
	UserID uint32  `json:"userid"`
	TStart float64 `json:"t_start"`
	R      *rset.R `json:"R"`
	Freed  string  `json:"freed,omitzero"`
}

// handOver gives the resources of a job that has ended to housekeeping.
func (s *jobs) handOver(j *job.Job) {
	conf := s.set.housekeeping
	r, err := rset.Parse(j.R)
	if err != nil || conf == nil {
		s.after(func() { s.free(j.ID, j.R, true) })
		return
	}
	a, effects := s.cleaning.m.Start(s.now(), j.ID, j.UserID, r)
	s.housekeep(effects)
	s.after(func() { s.cleaner(a, conf.command).start(a.Pending.Clone()) })
}

// cleaner is the command on the ranks of an allocation, to be started.
func (s *jobs) cleaner(a *housekeeping.Allocation, line []string) *command {
	failed := map[string]*idset.Set{} // by why
	env := siteEnv(a.ID.Dec(), strconv.FormatUint(uint64(a.UserID), 10), a.R.Ranks())
	left := a.Pending.Clone()
	var cmd *command
	cmd = s.newCommand(line, env, commandEvents{
		output: func(rank uint32, stream, line string) { s.cleanOutput(a, rank, stream, line) },
		ended: func(rank uint32, status int, err error) {
			if why := cleanFailure(status, err); why != "" {
				if failed[why] == nil {
					failed[why] = idset.New()
				}
				failed[why].Add(rank)
			}
			left.Remove(rank)
			s.housekeep(s.cleaning.m.Done(s.now(), a.ID, rank))
			s.armHousekeeping()
			if left.Empty() {
				s.cleanEnded(a, cmd, failed)
			}
		},
	})
	s.cleaning.cmds[a.ID] = cmd
	s.h.Log().Debug(fmt.Sprintf("housekeeping: %s started", idText(a.ID)))
	return cmd
}

func (s *jobs) cleanEnded(a *housekeeping.Allocation, cmd *command, failed map[string]*idset.Set) {
	if s.cleaning.cmds[a.ID] == cmd {
		delete(s.cleaning.cmds, a.ID)
	}
	for why, ranks := range failed {
		s.h.Log().Error(fmt.Sprintf("housekeeping: %s (rank %s) %s: %s", s.hostsOf(ranks), ranks, idText(a.ID), why))
	}
	s.h.Log().Debug(fmt.Sprintf("housekeeping: %s complete", idText(a.ID)))
}

// cleanFailure says what went wrong on a node, "" for nothing.
func cleanFailure(status int, err error) string {
	ws := syscall.WaitStatus(status)
	switch {
	case err != nil:
		return "error launching process: " + err.Error()
	case ws.Signaled():
		return message.SignalText(ws.Signal())
	case ws.ExitStatus() != 0:
		return fmt.Sprintf("nonzero exit code %d", ws.ExitStatus())
	}
	return ""
}

func (s *jobs) cleanOutput(a *housekeeping.Allocation, rank uint32, stream, line string) {
	text := fmt.Sprintf("housekeeping: %s (rank %d) %s: %s", s.hostOf(rank), rank, idText(a.ID), line)
	if stream == "stderr" {
		s.h.Log().Error(text)
		return
	}
	s.h.Log().Info(text)
}

// housekeep turns what the machine has decided into what is to be stored and,
// when that is durable, done.
func (s *jobs) housekeep(effects []housekeeping.Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case housekeeping.Keep:
			b, err := message.Marshal(keptAllocation{e.UserID, e.TStart, e.R, e.Freed.String()})
			if err != nil {
				panic("housekeeping: allocation does not encode: " + err.Error())
			}
			s.batch.SetMeta(metaHousekeeping+e.ID.Dec(), b)
		case housekeeping.Forget:
			s.batch.SetMeta(metaHousekeeping+e.ID.Dec(), nil)
		case housekeeping.Free:
			raw, err := message.Marshal(e.R)
			if err != nil {
				panic("housekeeping: R does not encode: " + err.Error())
			}
			s.after(func() { s.free(e.ID, raw, e.Final) })
		}
	}
}

// armHousekeeping sets the timer for the next allocation to be released.
func (s *jobs) armHousekeeping() {
	if s.cleaning.timer != nil {
		s.cleaning.timer.Stop()
		s.cleaning.timer = nil
	}
	if at, ok := s.cleaning.m.Next(); ok {
		s.cleaning.timer = s.h.After(s.until(at), func() {
			s.housekeep(s.cleaning.m.Tick(s.now()))
			s.armHousekeeping()
		})
	}
}

// restoreHousekeeping goes on with what an earlier run of the instance left. If
// there is no housekeeping any more its nodes are free.
func (s *jobs) restoreHousekeeping(meta map[string][]byte) {
	for key, value := range meta {
		text, ok := strings.CutPrefix(key, metaHousekeeping)
		if !ok {
			continue
		}
		a, err := restoredAllocation(text, value)
		if err != nil || s.set.housekeeping == nil {
			s.h.Log().Info("housekeeping of an earlier run is not gone on with", "job", text, "err", err)
			s.batch.SetMeta(key, nil)
			continue
		}
		s.cleaning.m.Restore(a)
		line := s.set.housekeeping.command
		s.after(func() {
			cmd := s.cleaner(a, line)
			cmd.waitForNodes()
			cmd.start(a.Pending.Clone())
		})
	}
}

func restoredAllocation(id string, value []byte) (*housekeeping.Allocation, error) {
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return nil, err
	}
	var kept keptAllocation
	if err := message.Unmarshal(value, &kept); err != nil {
		return nil, err
	}
	freed, err := idset.Parse(kept.Freed)
	if err != nil {
		return nil, err
	}
	return &housekeeping.Allocation{ID: jobid.ID(n), UserID: kept.UserID, R: kept.R, Freed: freed, TStart: kept.TStart}, nil
}

// housekeepingHello tells a new scheduler what housekeeping holds (RFC 27).
func (s *jobs) housekeepingHello(c *service.Call, partialOK bool) {
	tell, dropped, effects := s.cleaning.m.Hello(partialOK)
	s.housekeep(effects)
	s.after(func() {
		for _, a := range tell {
			raw, err := message.Marshal(a.R)
			if err != nil {
				panic("housekeeping: R does not encode: " + err.Error())
			}
			c.Respond(rpc.SchedHelloJob{ID: a.ID, UserID: a.UserID, R: raw, Free: a.Freed.String()})
		}
	})
	for _, a := range dropped {
		s.h.Log().Error(fmt.Sprintf("housekeeping: %s (rank %s) from %s will be terminated because"+
			" the scheduler does not support restart with partially released resources",
			s.hostsOf(a.Pending), a.Pending, idText(a.ID)))
		if cmd := s.cleaning.cmds[a.ID]; cmd != nil {
			cmd.kill(nil, syscall.SIGTERM)
		}
	}
}

// housekeepingKill signals commands: of a job or of all, on ranks or on all.
func (s *jobs) housekeepingKill(_ *service.Call, req *rpc.HousekeepingKill) (any, error) {
	if req.Signum <= 0 || req.Signum > maxSignal {
		return nil, message.Errorf(syscall.EINVAL, "Invalid signal number")
	}
	var ranks *idset.Set
	if req.Ranks != nil {
		var err error
		if ranks, err = idset.Parse(*req.Ranks); err != nil {
			return nil, message.Errorf(syscall.EINVAL, "ranks: %v", err)
		}
	}
	for id, cmd := range s.cleaning.cmds {
		if req.ID == nil || *req.ID == id || *req.ID == rpc.JobIDAny {
			cmd.kill(ranks, syscall.Signal(req.Signum))
		}
	}
	return nil, nil
}

// housekeepingStats is what job-manager.stats-get tells.
func (s *jobs) housekeepingStats() rpc.HousekeepingStats {
	st := rpc.HousekeepingStats{Running: map[string]rpc.HousekeepingJob{}}
	for _, a := range s.cleaning.m.All() {
		st.Running[idText(a.ID)] = rpc.HousekeepingJob{
			TStart: a.TStart, Pending: a.Pending.String(), Allocated: a.Held().String(),
		}
	}
	st.Config.ReleaseAfter = s.cleaning.m.After()
	if conf := s.set.housekeeping; conf != nil {
		st.Config.Command = strings.Join(conf.command, " ")
	}
	return st
}

// configureHousekeeping puts the configuration into force.
func (s *jobs) configureHousekeeping() {
	after, state := housekeeping.Never, "not configured"
	if conf := s.set.housekeeping; conf != nil {
		after, state = conf.after, "configured"
		if conf.oldKey {
			s.h.Log().Error("job-manager.housekeeping.use-systemd-unit is deprecated - ignoring")
		}
	}
	s.cleaning.m.ReleaseAfter(after)
	s.h.Log().Debug("housekeeping is " + state)
}
