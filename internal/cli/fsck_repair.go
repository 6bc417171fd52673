// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"slices"
	"strings"
	"time"

	"goflux/internal/kvstree"
	"goflux/internal/rpc"
	"goflux/jobid"
	"goflux/treeobj"
)

// lostFound is the directory for what was damaged.
const lostFound = "lost+found"

// mend carries the repairs out, in a new tree whose root becomes the
// checkpoint.
func (c *checker) mend(root string) error {
	moved, unlinked := 0, 0
	for _, r := range c.repairs {
		if r.left != nil {
			moved++
		} else {
			unlinked++
		}
	}
	if len(c.repairs) > 0 {
		if err := c.rebuild(root); err != nil {
			return fail("repair failed: %v", err)
		}
		c.mention("Updated primary checkpoint to include %s", lostFound)
	}
	if c.verbose || moved > 0 {
		c.say("Total repairs: %d", moved)
	}
	if c.verbose || unlinked > 0 {
		c.say("Total unlinked directories: %d", unlinked)
	}
	return nil
}

func (c *checker) rebuild(root string) error {
	tree, err := kvstree.LoadTree(c.ctx, c.content, root)
	if err != nil {
		return err
	}
	var jobs []string
	for _, r := range c.repairs {
		key := strings.Split(r.key, ".")
		if err := tree.Unlink(c.ctx, key); err != nil {
			return err
		}
		if r.left == nil {
			continue
		}
		if err := tree.Force(c.ctx, lost(key), r.left); err != nil {
			return err
		}
		if _, dir, _ := jobKey(r.key); c.jobAware && dir != "" && !slices.Contains(jobs, dir) {
			jobs = append(jobs, dir)
		}
	}
	for _, dir := range jobs {
		if err := c.moveJob(tree, dir); err != nil {
			return err
		}
	}
	ref, err := tree.Store(c.ctx, kvstree.NewWriter(c.content, fsckWindow))
	if err != nil {
		return err
	}
	return c.putCheckpoint(c.h, true, rpc.Checkpoint{
		Version: 1, Rootref: ref, Sequence: c.sequence + 1, Timestamp: float64(time.Now().UnixMicro()) / 1e6,
	})
}

// lost is where what is left of a key goes.
func lost(key []string) []string { return slices.Concat([]string{lostFound}, key) }

// moveJob moves what is left of a job.
func (c *checker) moveJob(tree *kvstree.Tree, dir string) error {
	key := strings.Split(dir, ".")
	if err := c.moveDir(tree, key); err != nil {
		return err
	}
	if err := tree.Unlink(c.ctx, key); err != nil {
		return err
	}
	if id, err := jobid.Parse(strings.TrimPrefix(dir, "job.")); err == nil && c.verbose {
		c.mention("job %s moved to %s", id.F58ASCII(), lostFound)
	}
	return nil
}

func (c *checker) moveDir(tree *kvstree.Tree, key []string) error {
	dir, err := tree.Dir(c.ctx, key)
	if err != nil {
		return err
	}
	for name, o := range dir.Clone().All() { // which are loaded into it
		at := slices.Concat(key, []string{name})
		switch o.(type) {
		case *treeobj.Dir, treeobj.Dirref:
			err = c.moveDir(tree, at)
		default:
			err = tree.Force(c.ctx, lost(at), o)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
