// SPDX-License-Identifier: LGPL-3.0-or-later

package contentfiles

import (
	"context"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/treeobj"
)

// Service is the registration.
func Service() *service.Registration {
	return &service.Registration{
		Name:    "content-files",
		Aliases: []string{"content-backing"},
		New:     newBacking,
		Methods: []service.Method{
			service.Raw("content-backing.load", service.Owner, (*backing).load),
			service.Raw("content-backing.store", service.Owner, (*backing).put),
			service.Raw("content-backing.validate", service.Owner, (*backing).validate),
			service.Raw("content-backing.checkpoint-get", service.Owner, (*backing).checkpointGet),
			service.Deferred("content-backing.checkpoint-put", service.Owner, (*backing).checkpointPut),
			service.Deferred("content-backing.commit", service.Owner, (*backing).commit),
			service.Raw("content-backing.roots-get", service.Owner, (*backing).rootsGet),
			service.Raw("content-files.stats-get", service.Guests, (*backing).stats),
		},
	}
}

// backing is the service's instance.
type backing struct {
	h       service.Host
	files   files
	hash    treeobj.Hash
	private bool // it is not the content service's

	changes []change
	answers []func(error)
	writing bool
	busy    int
	stop    func()
}

func newBacking(h service.Host, args []string) (any, error) {
	b := &backing{h: h}
	truncate := false
	for _, arg := range args {
		switch arg {
		case "truncate":
			truncate = true
		case "testing":
			b.private = true
		default:
			return nil, message.Errorf(syscall.EINVAL, "content-files: unknown module option: %q", arg)
		}
	}
	dir, ok := h.Attr("statedir")
	if !ok || dir == "" {
		if dir, ok = h.Attr("rundir"); !ok {
			return nil, message.Errorf(syscall.ENOENT, "content-files: neither statedir nor rundir is set")
		}
	}
	cleanup, _ := h.Attr("statedir-cleanup")
	b.files = files{dir: filepath.Join(dir, dirName), lasting: cleanup != "1"}
	name, _ := h.Attr("content.hash")
	var err error
	if b.hash, err = treeobj.ParseHash(name); err != nil {
		return nil, message.Errorf(syscall.EINVAL, "content.hash: %v", err)
	}
	return b, b.files.prepare(truncate)
}

// Start implements service.Starter: content learns where to store.
func (b *backing) Start() {
	if b.private {
		b.h.SetRunning()
		return
	}
	b.tell("register-backing", func(err error) {
		if err != nil {
			b.h.Fail(message.Errorf(message.Errno(err), "register-backing: %v", err))
			return
		}
		b.h.SetRunning()
	})
}

// StopAsync implements service.AsyncStopper: what has been accepted is
// answered first.
func (b *backing) StopAsync(done func()) {
	end := func(error) {
		b.stop = done
		b.EndBatch()
		b.idle()
	}
	if b.private {
		end(nil)
		return
	}
	b.tell("unregister-backing", end)
}

func (b *backing) tell(method string, fn func(error)) {
	req := service.Request{Topic: "content." + method, NodeID: 0, Payload: rpc.ContentRegister{Name: "content-files"}}
	b.h.Request(req, func(m *message.Message) { fn(m.Err()) })
}

func (b *backing) idle() {
	if b.stop != nil && b.busy == 0 && !b.writing && len(b.answers) == 0 {
		b.stop()
		b.stop = nil
	}
}

// EndBatch implements service.Batcher: what has come in is written together,
// when what came before has been.
func (b *backing) EndBatch() {
	if b.writing || len(b.answers) == 0 {
		return
	}
	changes, answers := b.changes, b.answers
	b.changes, b.answers = nil, nil
	b.writing = true
	var err error
	b.h.Go(func(context.Context) { err = b.files.apply(changes) }, func() {
		b.writing = false
		for _, fn := range answers {
			fn(err)
		}
		b.EndBatch()
		b.idle()
	})
}

// then answers c when the changes so far have been written.
func (b *backing) then(c *service.Call, answer any) {
	b.answers = append(b.answers, func(err error) {
		if err != nil {
			c.Fail(err)
			return
		}
		c.Respond(answer)
	})
}

// off runs a read off the loop and answers c with its outcome.
func (b *backing) off(c *service.Call, read func() (any, error)) {
	b.busy++
	var out any
	var err error
	b.h.Go(func(context.Context) { out, err = read() }, func() {
		b.busy--
		if err != nil {
			c.Fail(err)
		} else {
			c.Respond(out)
		}
		b.idle()
	})
}

// blobName is the name of the file of the blob that a request names. EPROTO
// when the hash has the wrong size.
func (b *backing) blobName(c *service.Call) (string, bool) {
	ref, err := treeobj.BlobrefOf(b.hash, c.Msg.Payload())
	if err != nil {
		c.Fail(syscall.EPROTO)
	}
	return ref, err == nil
}

func (b *backing) load(c *service.Call) {
	if name, ok := b.blobName(c); ok {
		b.off(c, func() (any, error) { return b.files.read(name) })
	}
}

// validate tells whether a blob is there and what its hash says it is.
func (b *backing) validate(c *service.Call) {
	name, ok := b.blobName(c)
	if !ok {
		return
	}
	b.off(c, func() (any, error) {
		data, err := b.files.read(name)
		if err == nil && treeobj.Blobref(b.hash, data) != name {
			err = message.Errorf(syscall.EIO, "the object does not match its hash")
		}
		return []byte{}, err
	})
}

func (b *backing) put(c *service.Call) {
	data := c.Msg.Payload()
	if data == nil {
		data = []byte{}
	}
	b.changes = append(b.changes, change{treeobj.Blobref(b.hash, data), data})
	b.then(c, b.hash.Digest(data))
}

// rootPrefix begins the names of files with roots of namespaces.
const rootPrefix = "kvs-namespace-"

func (b *backing) commit(c *service.Call, r *rpc.ContentCommit) {
	for _, blob := range r.Blobs {
		ref, err := treeobj.BlobrefOf(b.hash, []byte(blob.Hash))
		if err != nil {
			c.Fail(message.Errorf(syscall.EPROTO, "content-backing.commit: %v", err))
			return
		}
		data := blob.Data
		if data == nil {
			data = []byte{}
		}
		b.changes = append(b.changes, change{ref, data})
	}
	if r.Checkpoint != nil {
		b.changes = append(b.changes, change{checkpointName, r.Checkpoint})
	}
	for name, root := range r.Roots {
		b.changes = append(b.changes, change{rootPrefix + url.PathEscape(name), root})
	}
	b.then(c, nil)
}

func (b *backing) rootsGet(c *service.Call) {
	b.off(c, func() (any, error) {
		names, err := b.files.names(rootPrefix)
		roots := map[string][]byte{}
		for _, file := range names {
			if err != nil {
				return nil, err
			}
			var name string
			if name, err = url.PathUnescape(strings.TrimPrefix(file, rootPrefix)); err == nil {
				roots[name], err = b.files.read(file)
			}
		}
		return rpc.ContentRoots{Roots: roots}, err
	})
}

func (b *backing) checkpointPut(c *service.Call, r *rpc.CheckpointPut) {
	value, err := r.Document()
	if err != nil {
		c.Fail(err)
		return
	}
	b.changes = append(b.changes, change{checkpointName, value})
	b.then(c, nil)
}

func (b *backing) checkpointGet(c *service.Call) {
	b.off(c, func() (any, error) {
		data, err := b.files.read(checkpointName)
		if err != nil {
			return nil, err
		}
		value := jsontext.Value(data)
		if !value.IsValid() {
			return nil, message.Errorf(syscall.EINVAL, "the checkpoint is not JSON")
		}
		return rpc.CheckpointGet{Value: []jsontext.Value{value}}, nil
	})
}

func (b *backing) stats(c *service.Call) {
	b.off(c, func() (any, error) {
		names, err := b.files.names(string(b.hash) + "-")
		return rpc.ContentFilesStats{ObjectCount: len(names)}, err
	})
}
