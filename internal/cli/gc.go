// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/kvstree"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/treeobj"
)

type gcOptions struct {
	verbose  int
	noCache  bool
	requests int
	// For tests of what happens meanwhile.
	pause    float64
	markOnly bool
}

// newGC is flux gc.
func newGC(a *app) *cobra.Command {
	var o gcOptions
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "delete what nothing refers to from the content store",
		Args:  a.operands(0, 0),
		RunE:  func(*cobra.Command, []string) error { return a.gc(o) },
	}
	fs := cmd.Flags()
	fs.CountVarP(&o.verbose, "verbose", "v", "Tell what is being done; twice for more")
	fs.BoolVar(&o.noCache, "no-cache", false, "Read from the backing store")
	fs.IntVar(&o.requests, "maxreqs", 2, "Make up to `N` requests at once")
	fs.Float64Var(&o.pause, "test-delay-after-list", 0, "Wait `SECONDS` between listing namespaces and asking for their roots")
	fs.BoolVar(&o.markOnly, "test-mark-only", false, "Delete nothing")
	_ = fs.MarkHidden("test-delay-after-list") // they exist
	_ = fs.MarkHidden("test-mark-only")
	return cmd
}

func (a *app) gc(o gcOptions) error {
	if o.requests <= 0 {
		return fail("--maxreqs: %d is not a number of requests", o.requests)
	}
	h, err := a.open()
	if err != nil {
		return err
	}
	c := &collector{app: a, gcOptions: o, h: h, seen: map[string]bool{}}
	if c.content, err = kvstree.Open(a.ctx, h, o.noCache); err != nil {
		return err
	}
	return c.run()
}

// collector finds the blobs that are in use by walking all roots there are, and
// has the others deleted. What is stored while it runs, and what was stored
// since the last checkpoint, bears an epoch that is not below the horizon and
// so stays in any case.
type collector struct {
	*app
	gcOptions
	h       *flux.Client
	content *kvstree.Content
	horizon rpc.ContentGCState
	seen    map[string]bool // directories that have been walked

	marks  []string     // not yet sent
	sent   []*flux.Call // not yet answered
	marked int
}

// say tells something on standard error, if verbose enough.
func (c *collector) say(level int, format string, args ...any) {
	if c.verbose >= level {
		fmt.Fprintf(c.err, "flux-gc: "+format+"\n", args...)
	}
}

func (c *collector) run() error {
	if err := c.h.RPC(c.ctx, "content-backing.gc-info", 0, rpc.ContentGCInfo{}, &c.horizon); err != nil {
		return fail("failed to fetch gc-info: %v", err)
	}
	c.say(1, "froze epoch at %d, high-water rowid %d", c.horizon.CurrentEpoch, c.horizon.HighWater)
	if err := c.mark(); err != nil {
		return err
	}
	c.say(1, "mark phase complete")
	if c.markOnly {
		c.say(1, "stopping after mark phase (test)")
		return nil
	}
	deleted, err := c.sweep()
	if err != nil {
		return err
	}
	fmt.Fprintf(c.err, "flux-gc: gc complete: marked %d, reclaimed %d blobs (horizon epoch %d)\n",
		c.marked, deleted, c.horizon.CurrentEpoch)
	return nil
}

// mark walks all roots. The primary namespace comes last: what moves there from
// elsewhere meanwhile is found in one place or the other.
func (c *collector) mark() error {
	for _, roots := range []func() ([]string, error){c.checkpoints, c.namespaces, c.guests, c.primary} {
		refs, err := roots()
		if err != nil {
			return err
		}
		for _, ref := range refs {
			c.say(2, "marking from root %s", ref)
			if err := c.walk(ref); err != nil {
				return fail("failed to mark from root %s: %v", ref, err)
			}
		}
	}
	return c.flushMarks(0)
}

// checkpoints are the roots of all checkpoints that are kept.
func (c *collector) checkpoints() (refs []string, err error) {
	service, node := contentService(c.noCache)
	var resp rpc.CheckpointGet
	err = c.h.RPC(c.ctx, service+".checkpoint-get", node, nil, &resp)
	if errors.Is(err, syscall.ENOENT) {
		c.say(1, "no checkpoints found")
		return nil, nil
	}
	if err != nil {
		return nil, fail("checkpoint-get: %v", err)
	}
	for _, v := range resp.Value {
		var cp rpc.Checkpoint
		if err := message.Unmarshal(v, &cp); err != nil {
			return nil, fail("error parsing checkpoint: %v", err)
		}
		refs = append(refs, cp.Rootref)
	}
	c.say(1, "enumerated %d checkpoint roots", len(refs))
	return refs, nil
}

// primaryNamespace is the namespace that is always there.
const primaryNamespace = "primary"

// namespaces are the roots of the namespaces made for jobs and others.
func (c *collector) namespaces() (refs []string, err error) {
	var list rpc.KVSNamespaceList
	err = c.h.RPC(c.ctx, "kvs.namespace-list", 0, nil, &list)
	if errors.Is(err, syscall.ENOSYS) {
		c.say(1, "kvs not loaded; skipping live private namespace roots")
		return nil, nil
	}
	if err != nil {
		return nil, fail("kvs.namespace-list: %v", err)
	}
	if c.pause > 0 {
		time.Sleep(time.Duration(c.pause * float64(time.Second)))
	}
	for _, ns := range list.Namespaces {
		if ns.Namespace == primaryNamespace {
			continue
		}
		ref, err := c.root(ns.Namespace)
		if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.EOPNOTSUPP) {
			continue // removed since
		}
		if err != nil {
			return nil, fail("kvs.getroot %s: %v", ns.Namespace, err)
		}
		refs = append(refs, ref)
	}
	c.say(2, "enumerated %d private namespace roots", len(refs))
	return refs, nil
}

func (c *collector) root(namespace string) (string, error) {
	var root rpc.KVSGetrootResponse
	err := c.h.RPC(c.ctx, "kvs.getroot", 0, rpc.KVSGetroot{Namespace: namespace}, &root)
	return root.Rootref, err
}

// guests are the roots of what jobs that are over left behind.
func (c *collector) guests() (refs []string, err error) {
	err = c.eachJob(c.h, true, func(j rpc.ContentJob) error {
		if j.Damage != "" {
			return fail("job %s: %s", j.ID, j.Damage) // who knows what it refers to
		}
		if j.Guest != "" {
			refs = append(refs, j.Guest)
		}
		return nil
	})
	c.say(2, "enumerated %d roots of jobs", len(refs))
	return refs, err
}

// primary is the root of the primary namespace.
func (c *collector) primary() (refs []string, err error) {
	ref, err := c.root(primaryNamespace)
	if errors.Is(err, syscall.ENOSYS) {
		c.say(1, "kvs not loaded; skipping live primary root")
		return nil, nil
	}
	if err != nil {
		return nil, fail("kvs.getroot %s: %v", primaryNamespace, err)
	}
	c.say(2, "enumerated live primary root")
	return []string{ref}, nil
}

// walk marks all below a root, but what has been walked before.
func (c *collector) walk(root string) error {
	w := &kvstree.Walk{
		Content: c.content, Window: c.requests,
		Descend: func(ref string) bool {
			known := c.seen[ref]
			c.seen[ref] = true
			return !known
		},
		Visit: func(n kvstree.Node) error {
			if n.Err != nil {
				return fail("%s: %v", n.Key, n.Err)
			}
			if n.Ref != "" {
				c.marks = append(c.marks, n.Ref)
			}
			if o, ok := n.Object.(treeobj.Valref); ok {
				c.marks = append(c.marks, o.Refs...)
			}
			if len(c.marks) >= markBatch {
				return c.flushMarks(c.requests)
			}
			return nil
		},
	}
	return w.Run(c.ctx, "", root)
}

const (
	// markBatch is how many blobs are marked by a request, a transaction that
	// others wait for.
	markBatch = 1000
	// A sweep's limits, for the same reason: how many blobs it deletes, and
	// how many it looks at.
	sweepDeletes = 1000
	sweepWindow  = 100000
)

// flushMarks sends what is to be marked, and waits until no more than under
// requests are under way.
func (c *collector) flushMarks(under int) error {
	for len(c.marks) > 0 {
		n := min(len(c.marks), markBatch)
		req := rpc.ContentMark{Epoch: c.horizon.CurrentEpoch, Hashes: c.marks[:n]}
		call, err := c.h.Go("content-backing.mark", 0, req)
		if err != nil {
			return fail("mark failed: %v", err)
		}
		c.sent = append(c.sent, call)
		c.marks = c.marks[n:]
	}
	for len(c.sent) > under {
		if err := c.reap(c.ctx); err != nil {
			return fail("mark failed: %v", err)
		}
	}
	return nil
}

func (c *collector) reap(ctx context.Context) error {
	var resp rpc.ContentMarked
	err := c.sent[0].Get(ctx, &resp)
	c.sent = c.sent[1:]
	c.marked += resp.Marked
	if err == nil {
		c.say(2, "marked %d blobs", resp.Marked)
	}
	return err
}

// sweep deletes what has not been marked, up to where the store ended when the
// horizon was frozen.
func (c *collector) sweep() (deleted int64, err error) {
	c.say(1, "starting sweep phase")
	for cursor := int64(0); cursor < c.horizon.HighWater; {
		req := rpc.ContentSweep{
			Epoch: c.horizon.CurrentEpoch, Cursor: cursor, HighWater: c.horizon.HighWater,
			DeleteCap: sweepDeletes, Window: sweepWindow,
		}
		var resp rpc.ContentSwept
		if err := c.h.RPC(c.ctx, "content-backing.sweep", 0, req, &resp); err != nil {
			return deleted, fail("sweep failed: %v", err)
		}
		if resp.Cursor <= cursor {
			return deleted, fail("sweep failed: it does not go on from %d", cursor)
		}
		deleted, cursor = deleted+resp.Deleted, resp.Cursor
		c.say(2, "swept %d blobs, cursor %d/%d", resp.Deleted, cursor, c.horizon.HighWater)
	}
	c.say(1, "sweep complete: deleted %d blobs", deleted)
	return deleted, nil
}
