// SPDX-License-Identifier: LGPL-3.0-or-later

package resource

import (
	"context"
	"encoding/json"
	"fmt"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/flux"
	"goflux/hostlist"
	core "goflux/internal/core/resource"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/jobid"
	"goflux/rset"
)

// jobR is an answer of job-info.update-watch for key R (RFC 41).
type jobR struct {
	R jsontext.Value `json:"R"`
}

// askParent asks the enclosing instance for the R of the job that this instance
// is, and follows its expiration. done is called once, with R or nil.
func (l *leader) askParent(done func(*rset.R, string)) {
	uri, job, ok := parent(l.h)
	if !ok {
		done(nil, "")
		return
	}
	id, err := jobid.Parse(job)
	if err != nil {
		l.fail(message.Errorf(syscall.EINVAL, "jobid attribute: %v", err))
		return
	}
	var once bool
	first := func(raw []byte, err error) {
		switch {
		case once:
		case err != nil:
			l.fail(message.Errorf(message.Errno(err), "lookup R from enclosing instance: %v", err))
		default:
			l.useJobR(raw, done)
		}
		once = true
	}
	var ctx context.Context
	ctx, l.stopWatch = context.WithCancel(context.Background())
	l.h.Go(func(hostCtx context.Context) {
		defer context.AfterFunc(hostCtx, l.stopWatch)()
		err := watchJobR(ctx, uri, id, func(raw []byte) {
			l.h.Post(func() {
				if !once {
					first(raw, nil)
					return
				}
				l.jobRUpdated(raw)
			})
		})
		l.h.Post(func() { first(nil, err) })
	}, nil)
}

// watchJobR calls fn with R as it is and as it changes, until ctx ends or the
// enclosing instance is gone. One that is too old to be watched is asked once.
func watchJobR(ctx context.Context, uri string, id jobid.ID, fn func([]byte)) error {
	c, err := flux.Open(ctx, uri)
	if err != nil {
		return err
	}
	defer c.Close()
	call, err := c.Stream("job-info.update-watch", flux.NodeAny, rpc.JobInfoUpdate{ID: id, Key: "R"})
	if err != nil {
		return err
	}
	for {
		var got jobR
		err := call.Get(ctx, &got)
		if flux.Errno(err) == syscall.ENOSYS {
			return lookupJobR(ctx, c, id, fn)
		}
		if err != nil {
			return err
		}
		fn(got.R)
	}
}

func lookupJobR(ctx context.Context, c *flux.Client, id jobid.ID, fn func([]byte)) error {
	var got struct {
		R string `json:"R"`
	}
	req := rpc.JobInfoLookup{ID: id, Keys: []string{"R"}}
	if err := c.RPC(ctx, "job-info.lookup", flux.NodeAny, req, &got); err != nil {
		return err
	}
	fn([]byte(got.R))
	return nil
}

// useJobR makes the job's R the instance's if there is a broker for each of its
// ranks; otherwise the brokers' own findings count.
func (l *leader) useJobR(raw []byte, done func(*rset.R, string)) {
	r, err := rset.Parse(raw)
	if err != nil {
		l.fail(message.Errorf(syscall.EINVAL, "R of the enclosing instance's job: %v", err))
		return
	}
	switch {
	case l.opt.rediscover:
		l.expiration = r.Expiration
		done(nil, "")
	case r.NNodes() != int(l.h.Size()):
		l.h.Log().Debug(fmt.Sprintf("cannot map %d ranks of R to %d brokers, falling back to discovery", r.NNodes(), l.h.Size()))
		l.stopWatch()
		done(nil, "")
	default:
		done(l.renumber(r), core.MethodJob)
	}
}

// renumber gives R's nodes the ranks that their hosts have here, and cores
// numbers from 0. With several brokers on a host the order of R stands.
func (l *leader) renumber(r *rset.R) *rset.R {
	if s, ok := l.h.Attr("hostlist"); ok {
		list, err := hostlist.Parse(s)
		if err == nil && unique(list) {
			if again, err := r.Rerank(list); err == nil {
				r = again
			} else {
				l.h.Log().Debug("rerank of R failed", "err", err)
			}
		}
	}
	return r.Remap()
}

func unique(list *hostlist.List) bool {
	u := list.Clone()
	u.Uniq()
	return u.Len() == list.Len()
}

// jobRUpdated takes over the expiration, the one thing that changes.
func (l *leader) jobRUpdated(raw []byte) {
	var r struct {
		Execution struct {
			Expiration float64 `json:"expiration"`
		} `json:"execution"`
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		l.h.Log().Error("updated R of the enclosing instance's job", "err", err)
		return
	}
	l.expiration = r.Execution.Expiration
	if l.m.R() != nil && l.m.R().Expiration != l.expiration {
		if err := l.expire(l.expiration, nil); err != nil {
			l.h.Log().Error("resource-update", "err", err)
		}
	}
}
