// SPDX-License-Identifier: LGPL-3.0-or-later

package contentsqlite

import (
	"context"
	"strings"
	"syscall"
	"time"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/store"
	"goflux/treeobj"
)

// Service is the registration. It needs the shared object "store", a
// *store.Store.
func Service() *service.Registration {
	return &service.Registration{
		Name:    "content-sqlite",
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
			service.Deferred("content-backing.mark", service.Owner, (*backing).mark),
			service.Deferred("content-backing.sweep", service.Owner, (*backing).sweep),
			service.Deferred("content-backing.gc-info", service.Owner, (*backing).gcInfo),
			service.Raw("content-backing.check", service.Owner, (*backing).check),
			service.Raw("content-sqlite.stats-get", service.Guests, (*backing).stats),
		},
	}
}

// backing is the service's instance.
type backing struct {
	h     service.Host
	store *store.Store
	hash  treeobj.Hash

	batch   *store.Batch
	commits []func(error) // to be told of the batch's commit
	loads   []*service.Call
	loaded  tally
	stored  tally

	busy int // commits under way
	stop func()
}

func newBacking(h service.Host, args []string) (any, error) {
	opt, err := parseOptions(h.Config(), args)
	if err != nil {
		return nil, err
	}
	if path, ok := h.Shared("store.path").(string); ok && opt.truncate {
		// Before it is opened: that may be what cannot be done.
		if err := store.Remove(path); err != nil && message.Errno(err) != syscall.EBUSY {
			return nil, err
		}
	}
	st, ok := h.Shared("store").(*store.Store)
	if !ok {
		return nil, message.Errorf(syscall.EIO, "content-sqlite: the database could not be opened")
	}
	const readWrite = 4 | 2 // R_OK, W_OK
	if err := syscall.Access(st.Path(), readWrite); err != nil {
		return nil, message.Errorf(message.Errno(err), "%s: %s", st.Path(), message.ErrnoText(message.Errno(err)))
	}
	b := &backing{h: h, store: st, batch: &store.Batch{}}
	name, _ := h.Attr("content.hash")
	if b.hash, err = treeobj.ParseHash(name); err != nil {
		return nil, message.Errorf(syscall.EINVAL, "content.hash: %v", err)
	}
	return b, b.configure(opt)
}

// configure applies the options; it may wait for the disk, which nobody is
// served by yet.
func (b *backing) configure(opt options) error {
	if err := b.store.SetSynchronous(opt.synchronous); err != nil {
		return err
	}
	n := opt.maxCheckpoints
	if n == 0 {
		n = store.DefaultCheckpoints
	}
	if err := b.store.SetMaxCheckpoints(n); err != nil {
		return err
	}
	if opt.truncate {
		if err := b.truncate(); err != nil {
			return err
		}
	}
	b.tellDamage()
	b.store.OnFull(func(full error) {
		b.h.Post(func() {
			if full != nil {
				b.h.Log().Error(full.Error())
				return
			}
			b.h.Log().Info("there is room on the disk again", "path", b.store.Path())
		})
	})
	journal, synchronous := b.store.Modes()
	b.h.Log().Debug(b.store.Path() + " journal_mode=" + journal + " synchronous=" + synchronous)
	return nil
}

// truncate begins anew: no objects, and no roots that refer to them.
func (b *backing) truncate() error {
	meta, err := b.store.Meta()
	if err != nil {
		return err
	}
	var all store.Batch
	all.Truncate()
	for key := range meta {
		if strings.HasPrefix(key, rootPrefix) {
			all.SetMeta(key, nil)
		}
	}
	return b.store.CommitWait(&all)
}

// Start implements service.Starter: content learns where to store.
func (b *backing) Start() {
	req := service.Request{Topic: "content.register-backing", NodeID: 0, Payload: rpc.ContentRegister{Name: "content-sqlite"}}
	b.h.Request(req, func(m *message.Message) {
		if err := m.Err(); err != nil {
			b.h.Fail(message.Errorf(message.Errno(err), "register-backing: %v", err))
			return
		}
		b.h.SetRunning()
	})
}

// StopAsync implements service.AsyncStopper: what has been accepted is
// answered first.
func (b *backing) StopAsync(done func()) {
	req := service.Request{Topic: "content.unregister-backing", NodeID: 0, Payload: rpc.ContentRegister{Name: "content-sqlite"}}
	b.h.Request(req, func(*message.Message) {
		b.stop = done
		b.EndBatch()
		b.idle()
	})
}

func (b *backing) idle() {
	if b.stop != nil && b.busy == 0 {
		b.stop()
		b.stop = nil
	}
}

// EndBatch implements service.Batcher.
func (b *backing) EndBatch() {
	b.startLoads()
	if b.batch.Empty() {
		return
	}
	batch, commits := b.batch, b.commits
	b.batch, b.commits = &store.Batch{}, nil
	b.busy++
	start := b.h.Now()
	b.store.Commit(batch, func(err error) {
		b.h.Post(func() {
			b.busy--
			b.stored.add(b.h.Now().Sub(start))
			for _, fn := range commits {
				fn(err)
			}
			b.idle()
		})
	})
}

// then answers c when the batch is durable: with what answer returns, or the
// error.
func (b *backing) then(c *service.Call, answer func() any) {
	b.commits = append(b.commits, func(err error) {
		if err != nil {
			c.Fail(err)
			return
		}
		if answer == nil {
			c.Respond(nil)
			return
		}
		c.Respond(answer())
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

// hashOf is the hash a request names. EPROTO when it has the wrong size.
func (b *backing) hashOf(c *service.Call) (string, bool) {
	hash := c.Msg.Payload()
	if len(hash) != b.hash.Size() {
		c.Fail(syscall.EPROTO)
		return "", false
	}
	return string(hash), true
}

func (b *backing) load(c *service.Call) {
	if _, ok := b.hashOf(c); ok {
		b.loads = append(b.loads, c)
	}
}

// startLoads loads what the mailbox asked for, on one goroutine.
func (b *backing) startLoads() {
	if len(b.loads) == 0 {
		return
	}
	calls := b.loads
	b.loads = nil
	data := make([][]byte, len(calls))
	errs := make([]error, len(calls))
	times := make([]time.Duration, len(calls))
	b.busy++
	b.h.Go(func(context.Context) {
		for i, c := range calls {
			start := b.h.Now()
			data[i], errs[i] = b.store.Load(string(c.Msg.Payload()))
			times[i] = b.h.Now().Sub(start)
		}
	}, func() {
		b.busy--
		for i, c := range calls {
			if errs[i] != nil {
				c.Fail(errs[i])
				continue
			}
			b.loaded.add(times[i])
			c.Respond(data[i])
		}
		b.idle()
	})
}

func (b *backing) put(c *service.Call) {
	data := c.Msg.Payload()
	hash := b.hash.Digest(data)
	b.batch.PutObject(string(hash), data)
	b.then(c, func() any { return hash })
}

// validate tells whether an object is there and what its hash says it is.
func (b *backing) validate(c *service.Call) {
	hash, ok := b.hashOf(c)
	if !ok {
		return
	}
	b.off(c, func() (any, error) {
		data, err := b.store.Load(hash)
		if err == nil && string(b.hash.Digest(data)) != hash {
			err = message.Errorf(syscall.EIO, "the object does not match its hash")
		}
		return []byte{}, err
	})
}
