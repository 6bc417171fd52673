// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"goflux/eventlog"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/jobid"
)

// streamOf maps a key of the job's directory to the job's stream.
func streamOf(key string) (string, bool) {
	name, ok := strings.CutPrefix(key, "guest.")
	if !ok || name == "" {
		return "", false
	}
	if name == "exec.eventlog" {
		return "exec", true
	}
	return name, true
}

// maxLookup bounds what a lookup of a stream returns: it is one message.
const maxLookup = 512 << 20

// readStream reads a whole stream. ENOENT, EFBIG.
func (s *jobs) readStream(id jobid.ID, name string) ([]byte, error) {
	var out []byte
	for {
		b, size, err := s.store.ReadStream(uint64(id), name, int64(len(out)), 0)
		if err != nil {
			return nil, syscall.ENOENT
		}
		if size > maxLookup {
			return nil, message.Errorf(syscall.EFBIG, "stream %s has %d bytes: watch it instead", name, size)
		}
		out = append(out, b...)
		if len(b) == 0 || int64(len(out)) >= size {
			return out, nil
		}
	}
}

// streamAppend adds lines to a stream of a job.
func (s *jobs) streamAppend(c *service.Call, req *rpc.JobStreamAppend) {
	j := s.m.Job(req.ID)
	var err error
	switch {
	case j == nil:
		err = message.Errorf(syscall.ENOENT, "job %s is not active", idText(req.ID))
	case c.Cred().Authorize(j.UserID) != nil:
		err = syscall.EPERM
	case req.Attempt != 0 && req.Attempt != j.Attempt:
		err = message.Errorf(syscall.ESTALE, "job %s: attempt %d is over", idText(req.ID), req.Attempt)
	case req.Stream == "" || req.Stream == "eventlog" || strings.ContainsAny(req.Stream, " \n"):
		err = message.Errorf(syscall.EINVAL, "%q is not a stream", req.Stream)
	case !strings.HasSuffix(req.Data, "\n"):
		err = message.Errorf(syscall.EINVAL, "stream data must end with a newline")
	case req.Last && c.Cred().IsOwner():
	default:
		err = s.store.ContentRoom() // the shell waits, and so do its tasks
	}
	if err != nil {
		c.Fail(err)
		return
	}
	r := s.records[req.ID]
	if req.Seq != 0 {
		count := req.Stream // no stream has a space in its name
		if req.Writer != 0 {
			count += " " + strconv.Itoa(req.Writer)
		}
		if req.Seq <= r.seqs[count] { // sent again: the answer was lost
			s.reply(c, nil)
			return
		}
		r.noteSeq(count, req.Seq)
		s.batch.SetField(uint64(req.ID), seqField+count, strconv.AppendUint(nil, req.Seq, 10))
	}
	data := s.bounded(req.ID, req.Stream, []byte(req.Data))
	if data == nil {
		s.reply(c, nil)
		return
	}
	s.batch.AppendStream(uint64(req.ID), req.Stream, data)
	path := "guest." + req.Stream
	if req.Stream == "exec" {
		path = "guest.exec.eventlog"
		s.shellsReady(req.ID, r, data)
	}
	awaited := !c.Msg.Is(message.FlagNoResponse) || s.followed(req.ID, r)
	s.behind(awaited, func() {
		s.watch.event(req.ID, path, data)
		c.Respond(nil)
	})
}

// streamLimit bounds a stream of a job, in bytes, but for what is under way when
// it is reached. The shell keeps to a limit of its own (output.limit: 1 GiB of
// standard output and as much of standard error); this one is for what a job's
// owner appends without the shell. A variable for tests.
var streamLimit int64 = 4 << 30

// bounded is what of data is to be appended: nothing where the limit has been
// reached, and where that happens now, a log entry behind it that says so
// (RFC 24).
func (s *jobs) bounded(id jobid.ID, stream string, data []byte) []byte {
	size := s.store.StreamSize(uint64(id), stream)
	if size >= streamLimit {
		return nil
	}
	if size+int64(len(data)) < streamLimit {
		return data
	}
	e, err := eventlog.New(s.now(), "log", map[string]any{
		"rank": 0, "level": 3, "component": "job-info",
		"message": fmt.Sprintf("%s is truncated here: it has reached the limit of %d bytes", stream, streamLimit),
	})
	if err != nil {
		return data
	}
	return e.Append(data)
}

// seqField, before a stream's name and the writer's number, is the field of an
// active job that has the number of that writer's last request for the stream.
const seqField = "seq:"

func (r *record) noteSeq(count string, seq uint64) {
	if r.seqs == nil {
		r.seqs = map[string]uint64{}
	}
	r.seqs[count] = seq
}

// restoreSeqs reads the numbers back from the fields of an active job.
func (r *record) restoreSeqs(fields map[string][]byte) {
	for name, b := range fields {
		if count, ok := strings.CutPrefix(name, seqField); ok {
			if n, err := strconv.ParseUint(string(b), 10, 64); err == nil {
				r.noteSeq(count, n)
			}
		}
	}
}
