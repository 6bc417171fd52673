// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"goflux/internal/core/job"
	"goflux/internal/message"
	"goflux/internal/store"
	"goflux/jobid"
)

// A page of jobs brought from elsewhere: how many, and about how many bytes.
const (
	takePage  = 200
	takeBytes = 16 << 20
)

// takeOver makes jobs of this instance of those that flux restore brought from
// another. One that cannot be is told of and put aside.
func (s *jobs) takeOver() error {
	if s.store == nil {
		return nil // which restore tells
	}
	page, err := s.store.Imports(0, takePage, takeBytes)
	if err != nil || len(page) == 0 {
		return err
	}
	active, err := s.store.KeptActive(0)
	if err != nil {
		return err
	}
	t := taking{s: s, active: map[uint64]bool{}}
	for _, j := range active {
		t.active[j.ID] = true
	}
	for len(page) > 0 {
		if err := t.page(page); err != nil {
			return err
		}
		if page, err = s.store.Imports(page[len(page)-1].ID, takePage, takeBytes); err != nil {
			return err
		}
	}
	s.h.Log().Info(fmt.Sprintf("took over %d jobs of another instance", t.count))
	s.putAside(t.lost)
	return t.keepIDs()
}

// taking is a takeover under way.
type taking struct {
	s      *jobs
	active map[uint64]bool // jobs of this instance
	count  int
	maxID  jobid.ID
	lost   []store.ImportedJob // to be put aside
}

// page takes jobs over in two commits, so that large streams become rows of
// their own before a job's row is written. When the second is lost, the jobs of
// the first are found active.
func (t *taking) page(page []store.ImportedJob) error {
	var first, second store.Batch
	for _, in := range page {
		if err := t.job(&first, &second, in); err != nil {
			t.s.h.Log().Error(fmt.Sprintf("job %s not replayed: %v", idText(jobid.ID(in.ID)), err))
			t.lost = append(t.lost, in)
		}
	}
	if err := t.s.store.CommitWait(&first); err != nil {
		return err
	}
	return t.s.store.CommitWait(&second)
}

func (t *taking) job(first, second *store.Batch, in store.ImportedJob) error {
	id := jobid.ID(in.ID)
	switch _, err := t.s.store.FinishedJob(in.ID); {
	case err == nil:
		second.DropImport(in.ID)
		return nil
	case !errors.Is(err, syscall.ENOENT):
		return err
	}
	for _, name := range []string{"jobspec", "eventlog"} {
		if in.Keys[name] == nil {
			return message.Errorf(syscall.ENOENT, "it has no %s", name)
		}
	}
	j, err := revived(id, in.Keys["eventlog"], in.Keys)
	if err != nil {
		return err
	}
	t.count++
	t.maxID = max(t.maxID, id)
	guest := string(in.Keys[guestField])
	if !t.active[in.ID] {
		t.put(first, j, in.Keys, guest)
	}
	if j.State == job.Inactive {
		second.FinishJob(t.s.finishedRow(j, guest))
	}
	second.DropImport(in.ID)
	return nil
}

// put adds a job as it was in the other instance.
func (t *taking) put(b *store.Batch, j *job.Job, keys map[string][]byte, guest string) {
	id := uint64(j.ID)
	b.PutJob(&store.Job{
		ID: id, UserID: j.UserID, Urgency: j.Urgency, Flags: int(j.Flags), TSubmit: j.TSubmit, Fields: documents(j),
	})
	b.AppendEvents(id, keys["eventlog"])
	if j.R != nil {
		b.SetField(id, "R", j.R)
	}
	if guest != "" {
		b.SetField(id, guestField, []byte(guest))
	}
	for key, data := range keys {
		if name, ok := strings.CutPrefix(key, "guest."); ok {
			if name == "exec.eventlog" {
				name = "exec"
			}
			b.AppendStream(id, name, data)
		}
	}
}

// keepIDs sees to it that no id is given out twice.
func (t *taking) keepIDs() error {
	meta, err := t.s.store.Meta()
	if err != nil {
		return err
	}
	if have, _ := strconv.ParseUint(string(meta[store.MetaMaxJobID]), 10, 64); have >= uint64(t.maxID) {
		return nil
	}
	var b store.Batch
	b.SetMeta(store.MetaMaxJobID, []byte(t.maxID.Dec()))
	return t.s.store.CommitWait(&b)
}
