// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"fmt"
	"strconv"
	"syscall"

	"goflux/internal/core/job"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/sign"
	"goflux/internal/store"
	"goflux/jobid"
	"goflux/jobspec"
)

// restore brings back the active jobs, the queues and the largest job id.
func (s *jobs) restore() error {
	if s.store == nil {
		return message.Errorf(syscall.ENODEV, "the job services need the store, which could not be opened")
	}
	meta, err := s.store.Meta()
	if err != nil {
		return err
	}
	known, err := s.loadCheckpoint(meta)
	if err != nil {
		return err
	}
	if known && s.set.stopOnRestart {
		s.m.Queues().StopAll("Automatically stopped due to restart")
	}
	rec, err := s.store.Recover()
	if err != nil {
		return err
	}
	for _, d := range rec.Damaged {
		s.h.Log().Error("job database: damaged record set aside", "what", d.String())
	}
	running := 0
	for _, a := range rec.Jobs {
		j, err := revived(jobid.ID(a.ID), a.Events, a.Fields)
		if err != nil {
			s.h.Log().Error("job database: job set aside", "jobid", a.ID, "err", err)
			continue
		}
		s.adopt(j)
		s.records[j.ID].restore(a.Fields)
		if j.State&job.Running != 0 {
			running++
		}
	}
	if err := s.stats.load(s.store); err != nil {
		return err
	}
	s.base = s.maxID.Timestamp() + 1 // id 0 is no job
	s.begin = s.h.Now()
	if s.ids, err = jobid.NewGenerator(0, s.base); err != nil {
		return err
	}
	s.h.Log().Info(fmt.Sprintf("restart: %d jobs", len(rec.Jobs)))
	s.h.Log().Info(fmt.Sprintf("restart: %d running jobs", running))
	s.restoreHousekeeping(meta)
	for _, a := range rec.Jobs {
		s.rewatch(jobid.ID(a.ID))
	}
	s.m.Resume(s.now())
	s.armBegin()
	return nil
}

// loadCheckpoint brings back the largest job id and the queues, or what another
// instance had of them; known says that this is not the first start.
func (s *jobs) loadCheckpoint(meta map[string][]byte) (known bool, err error) {
	var kept rpc.JobCheckpoint
	if b := meta[store.MetaMaxJobID]; b != nil {
		n, err := strconv.ParseUint(string(b), 10, 64)
		if err != nil {
			return false, message.Errorf(syscall.EINVAL, "stored job id %q: %v", b, err)
		}
		kept.MaxJobID = jobid.ID(n)
	}
	if b := meta[store.MetaQueues]; b != nil {
		if err := message.Unmarshal(b, &kept.Queue); err != nil {
			return false, fmt.Errorf("stored queues: %w", err)
		}
	}
	known = kept.MaxJobID != 0 || kept.Queue != nil
	s.maxID = kept.MaxJobID
	s.loadQueues(kept.Queue)
	if b := meta[store.MetaCheckpoint]; b != nil {
		var other rpc.JobCheckpoint
		if err := message.Unmarshal(b, &other); err != nil {
			return false, fmt.Errorf("checkpoint of another instance: %w", err)
		}
		known = true
		s.maxID = max(s.maxID, other.MaxJobID)
		s.loadQueues(other.Queue)
		s.batch.SetMeta(store.MetaMaxJobID, []byte(s.maxID.Dec()))
		s.batch.SetMeta(store.MetaCheckpoint, nil)
	}
	s.saveQueues() // for the next start to know that there was this one
	return known, nil
}

// adopt takes an active job of an earlier run into the machine.
func (s *jobs) adopt(j *job.Job) {
	s.records[j.ID] = &record{stored: true, ready: true}
	if j.Flags&job.FlagWaitable != 0 {
		s.zombies[j.ID] = &zombie{}
	}
	s.maxID = max(s.maxID, j.ID)
	if len(j.Prologs)+len(j.Epilogs) > 0 {
		s.perilogs.again[j.ID] = true
	}
	s.m.Restore(j)
	s.stats.moved(&s.records[j.ID].counted, j, j.Facts().Queue)
}

// restore brings back what the store has of a job beside its documents.
func (r *record) restore(fields map[string][]byte) {
	r.guest = string(fields[guestField])
	r.critical = string(fields[criticalField])
	r.restoreSeqs(fields)
}

// rewatch notes again what a restored job waits for.
func (s *jobs) rewatch(id jobid.ID) {
	j := s.m.Job(id)
	if j == nil || len(j.Dependencies) == 0 {
		return
	}
	deps, err := s.dependencies(j.Jobspec, j.UserID)
	if err != nil {
		s.m.Raise(s.now(), j, job.Exception{Type: "dependency", Severity: 0, Note: err.Error()})
		return
	}
	s.m.Watch(j, deps)
}

// revived makes a job of what the store has of it, by replaying its log.
func revived(id jobid.ID, events []byte, fields map[string][]byte) (*job.Job, error) {
	spec, err := jobspec.Parse(fields["jobspec"])
	if err != nil {
		return nil, fmt.Errorf("jobspec: %w", err)
	}
	j := &job.Job{ID: id, J: string(fields["J"]), Request: fields["jobspec"], Jobspec: spec, R: fields["R"]}
	if err := j.Replay(events); err != nil {
		return nil, err
	}
	if j.State == job.New {
		return nil, fmt.Errorf("job %s: its event log ends before it was accepted", id)
	}
	if j.Started || j.Allocated {
		j.Attempt = 1
	}
	if j.J == "" {
		j.J = sign.None(j.UserID, j.Request)
	}
	return j, nil
}

// documents are what is kept of a request. An unsigned one is its jobspec in
// another coat, so it is made again when asked for.
func documents(j *job.Job) map[string][]byte {
	docs := map[string][]byte{"jobspec": j.Request}
	if j.J != sign.None(j.UserID, j.Request) {
		docs["J"] = []byte(j.J)
	}
	return docs
}

// revive makes a job of a finished row.
func revive(row *store.FinishedJob) (*job.Job, error) {
	return revived(jobid.ID(row.ID), row.Records["eventlog"], row.Records)
}

// finish puts the row of a job that has ended into the batch.
func (s *jobs) finish(j *job.Job, r *record) {
	s.batch.FinishJob(s.finishedRow(j, r.guest))
	s.ending[j.ID] = j
	s.history.add(j.UserID, j.ID)
	s.behind(false, func() {
		delete(s.ending, j.ID)
		s.recent.add(j.ID)
	})
}

// finishedRow is what is kept of a job that has ended.
func (s *jobs) finishedRow(j *job.Job, guest string) *store.FinishedJob {
	info, err := message.Marshal(listing(j))
	if err != nil {
		s.h.Log().Error("job record", "jobid", j.ID, "err", err)
	}
	records := documents(j)
	records["eventlog"] = j.Log
	if j.R != nil {
		records["R"] = j.R
	}
	if guest != "" {
		records[guestField] = []byte(guest)
	}
	return &store.FinishedJob{
		ID: uint64(j.ID), UserID: j.UserID, Result: int(j.Result()), TInactive: j.TInactive,
		Name: j.Facts().Name, Queue: j.Facts().Queue, Info: info, Records: records,
	}
}

// finished returns a job that has ended. ENOENT when there is none.
func (s *jobs) finished(id jobid.ID) (*job.Job, error) {
	s.collect() // what has ended a moment ago is among the ending
	if j := s.ending[id]; j != nil {
		return j, nil
	}
	row, err := s.store.FinishedJob(uint64(id))
	if err != nil {
		return nil, err
	}
	return revive(row)
}

// find returns a job, active or ended.
func (s *jobs) find(id jobid.ID) (*job.Job, error) {
	if j := s.m.Job(id); j != nil {
		return j, nil
	}
	return s.finished(id)
}

func (s *jobs) isInactive(id jobid.ID) bool {
	s.collect() // see finished
	if s.ending[id] != nil || s.recent.set[id] {
		return true
	}
	found, err := s.store.HasFinished(uint64(id))
	return err == nil && found
}
