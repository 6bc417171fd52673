// SPDX-License-Identifier: LGPL-3.0-or-later

package resource

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	core "goflux/internal/core/resource"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/rset"
)

// findR looks for R where it may be known: in the configuration, in the KVS,
// with the enclosing instance. done is called with it, or with nil.
func (l *leader) findR(stored []byte, done func(r *rset.R, method string)) {
	switch {
	case l.opt.r != nil:
		done(l.opt.r, core.MethodConfig)
	case stored != nil:
		r, err := rset.Parse(stored)
		if err != nil {
			l.fail(message.Errorf(syscall.EINVAL, "error parsing R: %s: %v", keyR, err))
			return
		}
		done(r, core.MethodKVS)
	default:
		l.askParent(done)
	}
}

// define sets R anew.
func (l *leader) define(r *rset.R, method string, done func(error)) {
	l.fragments = nil
	if err := l.postR(l.m.Define(l.now(), r, method), done); err != nil {
		done(err)
	}
}

// postR has events about R told after R itself has been kept, in one commit.
func (l *leader) postR(events []core.Event, done func(error)) error {
	b, err := message.Marshal(l.m.R())
	if err != nil {
		return message.Errorf(syscall.EINVAL, "%s: %v", keyR, err)
	}
	l.queue = append(l.queue, posted{events: events, ops: []rpc.KVSOp{kvsPut(keyR, b)}, done: done})
	return nil
}

// mustKeep ends a start whose R could not be written.
func (l *leader) mustKeep(err error) {
	switch {
	case err == nil:
	case l.running:
		l.h.Log().Error("defining R", "err", err)
	default:
		l.fail(message.Errorf(message.Errno(err), "committing R to KVS: %v", err))
	}
}

// reduce takes what a rank found.
func (l *leader) reduce(c *service.Call, req *rpc.ResourceReduce) {
	if req.Resource == nil {
		c.Fail(message.Errorf(syscall.EPROTO, "topo-reduce: resource is missing"))
		return
	}
	l.addFragment(req.Resource)
	c.Respond(nil)
}

// addFragment makes R of what the ranks found, when all have told.
func (l *leader) addFragment(r *rset.R) {
	if l.fragments == nil {
		return // R is known
	}
	for id := range r.Ranks().All() {
		if id >= l.h.Size() {
			break
		}
		l.fragments[id] = r
	}
	if l.log == nil || uint32(len(l.fragments)) < l.h.Size() {
		return
	}
	var all []rset.Entry
	for id := range l.h.Size() {
		f := l.fragments[id]
		all = append(all, rset.Entry{Rank: id, Host: f.Host(id), Cores: f.CoresOn(id), GPUs: f.GPUsOn(id)})
	}
	whole := rset.Build(all)
	whole.Expiration = l.expiration
	l.define(whole, core.MethodDiscovery, l.mustKeep)
}

// reload serves resource.reload, which replaces R for tests.
func (l *leader) reload(c *service.Call, req *rpc.ResourceReload) {
	if err := l.starting(); err != nil {
		c.Fail(err)
		return
	}
	var r *rset.R
	var err error
	l.h.Go(func(context.Context) {
		if req.XML {
			r, err = l.fromXMLDir(req.Path)
		} else {
			r, err = fromFile(req.Path)
		}
	}, func() {
		if err == nil {
			err = l.checkReload(r, req.Force)
		}
		if err != nil {
			c.Fail(err)
			return
		}
		l.define(r, core.MethodReload, func(err error) {
			if err != nil {
				c.Fail(err)
				return
			}
			c.Respond(nil)
		})
	})
}

func (l *leader) checkReload(r *rset.R, force bool) error {
	size := l.h.Size()
	if last, ok := r.Ranks().Last(); ok && last >= size {
		if !force {
			return message.Errorf(syscall.EINVAL,
				"resource object contains ranks execeeding size=%d (override with -f))", size)
		}
		l.h.Log().Warn("resource object contains ranks exceeding size", "size", size)
	}
	if l.acquirer.Len() > 0 {
		return message.Errorf(syscall.EBUSY, "resources are busy (unload scheduler?)")
	}
	return nil
}

// fromXMLDir makes R of the files RANK.xml in a directory.
func (l *leader) fromXMLDir(dir string) (*rset.R, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		num := message.Errno(err)
		return nil, message.Errorf(num, "%s: %s", dir, message.ErrnoText(num))
	}
	var all []rset.Entry
	for _, file := range files {
		name, isXML := strings.CutSuffix(file.Name(), ".xml")
		rank, err := strconv.ParseUint(name, 10, 32)
		if !isXML || err != nil || file.IsDir() {
			continue
		}
		if len(all) == rset.MaxRanks {
			return nil, message.Errorf(syscall.E2BIG, "%s: more than %d files", dir, rset.MaxRanks)
		}
		path := filepath.Join(dir, file.Name())
		xml, err := os.ReadFile(path)
		if err != nil {
			return nil, message.Errorf(message.Errno(err), "%v", err)
		}
		f, err := l.node.Parse(xml, false)
		if err != nil {
			return nil, message.Errorf(syscall.EINVAL, "error building R from hwloc XML: %s: %v", path, err)
		}
		all = append(all, rset.Entry{Rank: uint32(rank), Host: f.Hostname, Cores: f.Cores, GPUs: f.GPUs})
	}
	if len(all) == 0 {
		return nil, message.Errorf(syscall.EINVAL, "%s: invalid directory: no XML input files found", dir)
	}
	return rset.Build(all), nil
}

// expirationUpdate serves resource.expiration-update.
func (l *leader) expirationUpdate(c *service.Call) {
	var req rpc.ResourceExpiration
	if c.Msg.Decode(&req) != nil || req.Expiration == nil {
		c.Fail(syscall.EPROTO)
		return
	}
	if l.starting() == nil && l.m.R() == nil && *req.Expiration >= 0 {
		l.expiration = *req.Expiration // what the ranks are found to have will end then
		c.Respond(nil)
		return
	}
	if err := l.expire(*req.Expiration, func(err error) {
		if err != nil {
			c.Fail(err)
			return
		}
		c.Respond(nil)
	}); err != nil {
		c.Fail(err)
	}
}

// expire changes when the instance's resources end, in seconds since the epoch.
func (l *leader) expire(at float64, done func(error)) error {
	if err := l.starting(); err != nil {
		return err
	}
	events, err := l.m.Expire(l.now(), at)
	if err != nil {
		return err
	}
	return l.postR(events, done)
}
