// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"strings"
	"syscall"

	"goflux/internal/core/job"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/store"
	"goflux/jobid"
	"goflux/treeobj"
)

// Flags of kvs.lookup that matter to the view.
const (
	kvsReaddir  = 1
	kvsReadlink = 2
	kvsTreeobj  = 16
)

// maxViewed bounds how many jobs a listing of the directories above them shows.
const maxViewed = 10000

// kvsView shows jobs as RFC 16 has them in the KVS: job.XXXX.XXXX.XXXX.XXXX is
// a job's directory. What programs put into a job's guest namespace is below
// guest: it is in the tree, while the namespace exists and after that.
func (s *jobs) kvsView(c *service.Call, req *rpc.KVSView) {
	s.after(func() {
		var v rpc.KVSViewed
		var err error
		if req.Checkpoint {
			v.Object, err = s.viewCheckpoint()
		} else {
			v.Object, err = s.viewed(req.Key)
		}
		if len(req.Key) > idParts && req.Key[idParts] == "guest" {
			s.viewGuest(req.Key, &v)
		}
		switch {
		case err == nil:
			err = kindError(v.Object, req.Flags)
		case v.Root != "" || v.Namespace != "":
			err = nil
		}
		if err != nil {
			c.Fail(err)
			return
		}
		c.Respond(&v)
	})
}

// viewCheckpoint is what flux-core has under checkpoint.job-manager.
func (s *jobs) viewCheckpoint() (treeobj.Object, error) {
	b, err := message.Marshal(s.checkpoint())
	return treeobj.Val{Data: b}, err
}

// viewGuest tells where in the tree a key below guest continues.
func (s *jobs) viewGuest(key []string, v *rpc.KVSViewed) {
	id, err := jobid.Parse(strings.Join(key[:idParts], "."))
	if err != nil {
		return
	}
	j, err := s.find(id)
	if err != nil {
		return
	}
	v.Rest = key[idParts+1:]
	if r := s.records[id]; r != nil && r.namespace {
		v.Namespace = id.Namespace()
		return
	}
	v.Root = s.guestRoot(j)
}

// kindError refuses a directory where a value is wanted, and the other way
// round; there are no links in the view.
func kindError(o treeobj.Object, flags int) error {
	_, dir := o.(*treeobj.Dir)
	switch {
	case flags&kvsTreeobj != 0:
	case flags&kvsReadlink != 0:
		return syscall.EINVAL
	case dir && flags&kvsReaddir == 0:
		return syscall.EISDIR
	case !dir && flags&kvsReaddir != 0:
		return syscall.ENOTDIR
	}
	return nil
}

// idParts is how many elements of a key name a job.
const idParts = 4

func (s *jobs) viewed(key []string) (treeobj.Object, error) {
	if len(key) < idParts {
		return s.viewAbove(key)
	}
	id, err := jobid.Parse(strings.Join(key[:idParts], "."))
	if err != nil {
		return nil, syscall.ENOENT
	}
	j, err := s.find(id)
	if err != nil {
		return nil, syscall.ENOENT
	}
	dir := s.viewJob(j)
	var o treeobj.Object = dir
	for _, name := range key[idParts:] {
		d, ok := o.(*treeobj.Dir)
		if !ok {
			return nil, syscall.ENOTDIR
		}
		if o, ok = d.Get(name); !ok {
			return nil, syscall.ENOENT
		}
	}
	return o, nil
}

// viewJob is a job's directory.
func (s *jobs) viewJob(j *job.Job) *treeobj.Dir {
	d, guest := treeobj.NewDir(), treeobj.NewDir()
	put := func(name, text string) { d.Set(name, treeobj.Val{Data: []byte(text)}) }
	put("J", j.J)
	put("jobspec", string(j.Request))
	put("eventlog", string(j.Log))
	if j.R != nil {
		put("R", string(j.R))
	}
	d.Set("guest", guest)
	names, err := s.store.StreamNames(uint64(j.ID))
	if err != nil {
		return d
	}
	for _, n := range names {
		b, err := s.readStream(j.ID, n)
		if err != nil {
			continue
		}
		if n == "exec" {
			exec := treeobj.NewDir()
			exec.Set("eventlog", treeobj.Val{Data: b})
			guest.Set("exec", exec)
			continue
		}
		guest.Set(n, treeobj.Val{Data: b})
	}
	return d
}

// viewAbove is a directory above the jobs'.
func (s *jobs) viewAbove(key []string) (treeobj.Object, error) {
	d := treeobj.NewDir()
	add := func(id jobid.ID) {
		part := strings.Split(id.DotHex(), ".")
		for i, k := range key {
			if part[i] != k {
				return
			}
		}
		d.Set(part[len(key)], treeobj.NewDir())
	}
	for j := range s.m.Jobs {
		add(j.ID)
	}
	n := 0
	err := s.store.FinishedJobs(store.JobQuery{}, func(f *store.FinishedJob) bool {
		add(jobid.ID(f.ID))
		n++
		return n < maxViewed
	})
	if err != nil {
		return nil, err
	}
	if d.Len() == 0 {
		return nil, syscall.ENOENT
	}
	return d, nil
}
