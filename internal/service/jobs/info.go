// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"strings"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/internal/core/job"
	core "goflux/internal/core/kvs"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/jobid"
)

// infoMethods is the authorisation table of job-info.
var infoMethods = []service.Method{
	service.Deferred("job-info.lookup", service.Guests, (*jobs).lookup),
	service.Deferred("job-info.eventlog-watch", service.Guests, (*jobs).eventlogWatch),
	service.Deferred("job-info.eventlog-watch-cancel", service.Guests, (*jobs).eventlogWatchCancel),
	service.Deferred("job-info.update-watch", service.Guests, (*jobs).updateWatch),
	service.Deferred("job-info.update-watch-cancel", service.Guests, (*jobs).updateWatchCancel),
	service.Deferred("job-info.update-lookup", service.Guests, (*jobs).updateLookup),
	service.Deferred("job-info.logs-appended", service.Owner, (*jobs).logAppended),
	service.Deferred("job-info.stream-append", service.Guests, (*jobs).streamAppend),
	service.Deferred("job-info.guest", service.Owner, (*jobs).guestNamespace),
	service.Deferred("job-info.critical-ranks", service.Owner, (*jobs).criticalRanks),
	service.Deferred("job-info.kvs-view", service.Owner, (*jobs).kvsView),
	service.Unary("job-info.stats-get", service.Guests, (*jobs).infoStats),
}

// Flags of job-info.lookup (RFC 41).
const (
	lookupDecode  = 1
	lookupCurrent = 2
)

// seen finds a job and checks that the sender may read it.
func (s *jobs) seen(c *service.Call, id jobid.ID) (*job.Job, error) {
	j, err := s.find(id)
	if err != nil {
		return nil, syscall.ENOENT
	}
	if err := c.Cred().Authorize(j.UserID); err != nil {
		return nil, message.Errorf(syscall.EPERM, "access is restricted to job/instance owner")
	}
	return j, nil
}

// lookup answers with the documents of a job. It is put behind what is being
// committed, so that it shows nothing that could still be lost.
func (s *jobs) lookup(c *service.Call, req *rpc.JobInfoLookup) {
	if req.Flags&^(lookupDecode|lookupCurrent) != 0 {
		c.Fail(message.Errorf(syscall.EPROTO, "lookup request rejected with invalid flag"))
		return
	}
	s.after(func() {
		j, err := s.seen(c, req.ID)
		if err != nil {
			c.Fail(absent(err, "invalid job id"))
			return
		}
		if req.Flags&lookupCurrent == 0 {
			s.respondLookup(c, j, req)
			return
		}
		s.amended(j, func(now *job.Job) { s.respondLookup(c, now, req) })
	})
}

func (s *jobs) respondLookup(c *service.Call, j *job.Job, req *rpc.JobInfoLookup) {
	out := map[string]any{"id": uint64(req.ID)}
	var others []string // that are no documents of ours
	for _, key := range req.Keys {
		v, err := s.document(j, key, req.Flags)
		if err == syscall.ENOENT && key != "R" {
			others = append(others, key)
			continue
		}
		if err != nil {
			c.Fail(absent(err, "key not found"))
			return
		}
		out[key] = v
	}
	s.respondWithKVS(c, j, out, others)
}

// respondWithKVS completes the answer to a lookup by keys that a program has put
// into the job's directory of the KVS, or into its guest namespace.
func (s *jobs) respondWithKVS(c *service.Call, j *job.Job, out map[string]any, keys []string) {
	if len(keys) == 0 {
		c.Respond(out)
		return
	}
	found := func(data []byte, err error) {
		if err != nil {
			c.Fail(absent(err, "key not found"))
			return
		}
		out[keys[0]] = string(data)
		s.respondWithKVS(c, j, out, keys[1:])
	}
	if key, ok := strings.CutPrefix(keys[0], "guest."); ok {
		s.guestValue(c, j, key, found)
		return
	}
	lookup := rpc.KVSLookup{Key: j.ID.KVS() + "." + keys[0], Namespace: core.Primary}
	s.kvsValue(&lookup, ownCred, found)
}

// absent says what it is that was not found.
func absent(err error, text string) error {
	if message.Errno(err) == syscall.ENOENT {
		return message.Errorf(syscall.ENOENT, "%s", text)
	}
	return err
}

// document returns the value of a key of the job's directory. ENOENT.
func (s *jobs) document(j *job.Job, key string, flags int) (any, error) {
	var doc jsontext.Value
	switch key {
	case "eventlog":
		return string(j.Log), nil
	case "J":
		return j.J, nil
	case "jobspec":
		doc = j.Request
		if flags&lookupCurrent != 0 {
			b, err := message.Marshal(j.Jobspec)
			if err != nil {
				return nil, err
			}
			doc = b
		}
	case "R":
		if doc = j.R; flags&lookupCurrent != 0 {
			doc = j.CurrentR()
		}
		if doc == nil {
			return nil, syscall.ENOENT
		}
	default:
		name, ok := streamOf(key)
		if !ok {
			return nil, syscall.ENOENT
		}
		b, err := s.readStream(j.ID, name)
		if err != nil {
			return nil, err
		}
		return string(b), nil
	}
	if flags&lookupDecode != 0 {
		return doc, nil
	}
	return string(doc), nil
}

func (s *jobs) infoStats(*service.Call, *rpc.Empty) (any, error) {
	return map[string]int{
		"lookups": 0, "watchers": s.watch.streams.Len(), "guest_watchers": s.watch.guests(),
		"update_lookups": 0, "update_watchers": s.updates.streams.Len(),
	}, nil
}
