// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/eventlog"
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

func (s *jobs) infoStats(*service.Call, *rpc.Empty) (any, error) {
	return map[string]int{
		"lookups": 0, "watchers": s.watch.streams.Len(), "guest_watchers": s.watch.guests(),
		"update_lookups": 0, "update_watchers": s.updates.Len(),
	}, nil
}

// --- watching event logs

// Flags of job-info.eventlog-watch: RFC 41, and one that has an answer without
// an event sent when all that was there has been.
const (
	watchWaitCreate = 1
	watchSentinel   = 2
)

// watchers are those who follow the event logs of jobs.
type watchers struct {
	streams service.Streams[*watching]
	byJob   map[jobid.ID][]*service.Stream[*watching]
}

type logKey struct {
	id   jobid.ID
	path string
}

// watching is what one watcher follows: it has been sent the log up to offset.
// While pumping, older parts are being read from the store and what is new is
// left to be read after them.
type watching struct {
	key     logKey
	offset  int64
	pumping bool
	final   bool // nothing will be added
	// sentinel: the mark is still to be sent; waitcreate: a log that never
	// comes is no error.
	sentinel, waitcreate bool
	seen                 bool // something was there
	// relay is a watch in the KVS that stands for it, or, beside one of the job
	// services' own logs, adds what users and tasks append to its key there.
	relay  *service.Pending
	beside bool
}

func (w *watchers) init() { w.byJob = map[jobid.ID][]*service.Stream[*watching]{} }

func (w *watchers) guests() int {
	n := 0
	for st := range w.streams.All() {
		if st.State.key.path != "eventlog" {
			n++
		}
	}
	return n
}

func (w *watchers) add(c *service.Call, x *watching) *service.Stream[*watching] {
	st := w.streams.Add(c, x)
	w.byJob[x.key.id] = append(w.byJob[x.key.id], st)
	return st
}

func (w *watchers) remove(st *service.Stream[*watching]) {
	id := st.State.key.id
	list := w.byJob[id]
	if i := slices.Index(list, st); i >= 0 {
		list = slices.Concat(list[:i], list[i+1:]) // someone may be walking the old one
	}
	if len(list) == 0 {
		delete(w.byJob, id)
		return
	}
	w.byJob[id] = list
}

func (w *watchers) finish(st *service.Stream[*watching], err error) {
	w.remove(st)
	w.streams.Finish(st, err)
}

func (w *watchers) disconnect(sender string, gone func(*service.Stream[*watching])) {
	w.streams.Disconnect(sender, func(st *service.Stream[*watching]) {
		w.remove(st)
		gone(st)
	})
}

// event hands new lines of a log to those who follow it.
func (w *watchers) event(id jobid.ID, path string, lines []byte) {
	for _, st := range w.byJob[id] {
		if st.State.key.path != path || st.State.pumping {
			continue
		}
		st.State.offset += int64(len(lines))
		st.State.seen = true
		sendLines(st.Call, lines)
	}
}

// watchersEnded ends the watches of a job that has become inactive.
func (s *jobs) watchersEnded(id jobid.ID) {
	for _, st := range s.watch.byJob[id] {
		switch {
		case st.State.pumping:
			st.State.final = true
		case st.State.relay != nil && !st.State.beside: // the KVS says when it is over
		case st.State.beside && !st.State.seen:
			s.endWatch(st, syscall.ENOENT)
		default:
			s.endWatch(st, nil)
		}
	}
}

// endWatch ends a watch, and that in the KVS beside it.
func (s *jobs) endWatch(st *service.Stream[*watching], err error) {
	s.endRelay(st)
	s.watch.finish(st, err)
}

// sendLines answers with each line on its own (RFC 41).
func sendLines(c *service.Call, lines []byte) {
	for len(lines) > 0 {
		i := bytes.IndexByte(lines, '\n')
		if i < 0 {
			return
		}
		c.Respond(rpc.JobInfoEvent{Event: string(lines[:i+1])})
		lines = lines[i+1:]
	}
}

func (s *jobs) eventlogWatch(c *service.Call, req *rpc.JobInfoWatch) {
	switch {
	case !c.Streaming():
		c.Fail(message.Errorf(syscall.EPROTO, "eventlog-watch request rejected without streaming RPC flag"))
		return
	case req.Flags&^(watchWaitCreate|watchSentinel) != 0:
		c.Fail(message.Errorf(syscall.EPROTO, "eventlog-watch request rejected with invalid flag"))
		return
	}
	// What is in the log now is sent when it is durable. What is added later
	// comes by the watch, so it must not be read then.
	var log []byte
	if j := s.m.Job(req.ID); j != nil {
		log = j.Log
	}
	s.after(func() {
		j, err := s.seen(c, req.ID)
		if err != nil {
			c.Fail(err)
			return
		}
		live := log != nil
		if !live {
			log = j.Log
		}
		active := s.m.Job(req.ID) != nil
		switch name, _ := streamOf(req.Path); name {
		case "exec", "output", "input":
			s.watchStream(c, req, name, active)
		default:
			if req.Path == "eventlog" {
				s.watchLog(c, req, log, live)
				return
			}
			s.watchKVS(c, req, j, active)
		}
	})
}

// watchLog follows the job's event log, of which log has been written so far.
func (s *jobs) watchLog(c *service.Call, req *rpc.JobInfoWatch, log []byte, live bool) {
	sendLines(c, log)
	if req.Flags&watchSentinel != 0 {
		sendSentinel(c)
	}
	if !live {
		c.End()
		return
	}
	st := s.watch.add(c, &watching{key: logKey{req.ID, "eventlog"}, offset: int64(len(log)), seen: true, beside: true})
	s.relay(st, ownCred, rpc.KVSLookup{
		Key: req.ID.KVS() + ".eventlog", Namespace: core.Primary, Flags: st.State.kvsFlags() | core.LookupTreeOnly,
	})
}

// watchStream follows one of the job's streams, which are in the store.
func (s *jobs) watchStream(c *service.Call, req *rpc.JobInfoWatch, name string, active bool) {
	_, _, err := s.store.ReadStream(uint64(req.ID), name, 0, 1)
	if err != nil && !active {
		c.Fail(syscall.ENOENT)
		return
	}
	st := s.watch.add(c, &watching{
		key: logKey{req.ID, req.Path}, final: !active,
		sentinel: req.Flags&watchSentinel != 0, seen: err == nil, beside: true,
	})
	if active && s.records[req.ID].namespace {
		s.relayGuest(st, strings.TrimPrefix(req.Path, "guest."))
	}
	if err == nil {
		s.pump(st, name)
	}
}

// sendSentinel marks the end of what was there.
func sendSentinel(c *service.Call) { c.Respond(nil) }

// pump reads what the watcher has not seen yet from the store, off the loop.
func (s *jobs) pump(st *service.Stream[*watching], name string) {
	w := st.State
	w.pumping = true
	var data []byte
	var size int64
	var err error
	s.h.Go(func(context.Context) {
		data, size, err = s.store.ReadStream(uint64(w.key.id), name, w.offset, 0)
	}, func() {
		if st.Done() || s.watch.streams.Find(st.Msg.Sender(), st.Msg.Matchtag) != st {
			return
		}
		if err != nil {
			s.endWatch(st, err)
			return
		}
		data = wholeLines(data)
		w.offset += int64(len(data))
		sendLines(st.Call, data)
		if len(data) > 0 && w.offset < size || s.grown(w, name) {
			s.pump(st, name)
			return
		}
		w.pumping = false
		if w.sentinel {
			w.sentinel = false
			sendSentinel(st.Call)
		}
		if w.final {
			s.endWatch(st, nil)
		}
	})
}

// grown reports whether the stream has got longer than the watcher has seen.
func (s *jobs) grown(w *watching, name string) bool {
	_, size, err := s.store.ReadStream(uint64(w.key.id), name, w.offset, 1)
	return err == nil && size > w.offset
}

// wholeLines cuts a part of a log behind its last newline.
func wholeLines(b []byte) []byte { return b[:bytes.LastIndexByte(b, '\n')+1] }

func (s *jobs) eventlogWatchCancel(c *service.Call, req *rpc.Matchtag) {
	if st := s.watch.streams.Find(c.Msg.Sender(), req.Matchtag); st != nil {
		s.endWatch(st, nil)
	}
}

// --- watching R and jobspec

// updateWatch is a watcher of R or jobspec, with what it was sent last.
type updateWatch struct {
	id   jobid.ID
	key  string
	last jsontext.Value
}

func checkUpdate(req *rpc.JobInfoUpdate) error {
	if req.Flags != 0 {
		return message.Errorf(syscall.EPROTO, "update-watch request rejected with invalid flag")
	}
	if req.Key != "R" && req.Key != "jobspec" {
		return message.Errorf(syscall.EINVAL, "update-watch unsupported key specified")
	}
	return nil
}

func (s *jobs) updateLookup(c *service.Call, req *rpc.JobInfoUpdate) {
	if err := checkUpdate(req); err != nil {
		c.Fail(err)
		return
	}
	s.lookup(c, &rpc.JobInfoLookup{ID: req.ID, Keys: []string{req.Key}, Flags: lookupDecode | lookupCurrent})
}

func (s *jobs) updateWatch(c *service.Call, req *rpc.JobInfoUpdate) {
	err := checkUpdate(req)
	if err == nil && !c.Streaming() {
		err = message.Errorf(syscall.EPROTO, "update-watch request rejected without streaming RPC flag")
	}
	if err != nil {
		c.Fail(err)
		return
	}
	s.after(func() {
		j, err := s.seen(c, req.ID)
		if err != nil {
			c.Fail(err)
			return
		}
		s.amended(j, func(now *job.Job) {
			b, err := s.updateDocument(now, req.Key)
			if err != nil {
				c.Fail(err)
				return
			}
			c.Respond(map[string]any{req.Key: b})
			if s.m.Job(req.ID) == nil {
				c.End()
				return
			}
			s.updates.Add(c, &updateWatch{req.ID, req.Key, b})
		})
	})
}

// updateDocument is R or the jobspec of a job as it is now.
func (s *jobs) updateDocument(j *job.Job, key string) (jsontext.Value, error) {
	v, err := s.document(j, key, lookupDecode|lookupCurrent)
	if err != nil {
		return nil, fmt.Errorf("update of %s: %w", key, err)
	}
	return v.(jsontext.Value), nil
}

func (s *jobs) updateWatchCancel(c *service.Call, req *rpc.Matchtag) {
	s.updates.Cancel(c, req.Matchtag)
}
