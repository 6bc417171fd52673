// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"goflux/flux"
	"goflux/internal/kvstree"
	"goflux/internal/rpc"
	"goflux/treeobj"
)

type fsckOptions struct {
	verbose, quiet, repair, jobAware bool
	rootref                          string
}

// newFsck is flux fsck.
func newFsck(a *app) *cobra.Command {
	var o fsckOptions
	cmd := &cobra.Command{
		Use:   "fsck",
		Short: "check that nothing is missing in the content store",
		Args:  a.operands(0, 0),
		RunE:  func(*cobra.Command, []string) error { return a.fsck(o) },
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.verbose, "verbose", "v", false, "List keys on standard error")
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "Tell of damage alone")
	fs.StringVarP(&o.rootref, "rootref", "r", "", "Check the tree below `BLOBREF`, not that of the last checkpoint")
	fs.BoolVarP(&o.repair, "repair", "R", false, "Move what is left of damaged keys to lost+found")
	fs.BoolVarP(&o.jobAware, "job-aware", "j", false, "With --repair, move a job of which a key is damaged to lost+found as a whole")
	return cmd
}

// fsckWindow is how many requests are made at once.
const fsckWindow = 64

func (a *app) fsck(o fsckOptions) error {
	if o.rootref != "" && treeobj.CheckBlobref(o.rootref) != nil {
		return fail("invalid blobref specified")
	}
	h, err := a.open()
	if err != nil {
		return err
	}
	if o.repair && a.kvsIsLoaded(h) {
		return fail("please unload kvs module before using flux-fsck --repair")
	}
	c := &checker{app: a, fsckOptions: o, h: h, bare: term.IsTerminal(int(os.Stderr.Fd()))}
	if c.content, err = kvstree.Open(a.ctx, h, true); err != nil {
		return err
	}
	return c.run()
}

// checker checks one tree.
type checker struct {
	*app
	fsckOptions
	h        *flux.Client
	content  *kvstree.Content
	bare     bool // a person reads standard error
	sequence int  // of the checkpoint
	errors   int
	repairs  []repair
}

// repair is what is to become of a damaged key: a value made of what is left,
// or nothing.
type repair struct {
	key  string
	left treeobj.Object
}

// say tells something on standard error.
func (c *checker) say(format string, args ...any) {
	if !c.bare {
		format = "flux-fsck: " + format
	}
	for i, arg := range args {
		if err, ok := arg.(error); ok {
			args[i] = errorText(err)
		}
	}
	fmt.Fprintf(c.err, format+"\n", args...)
}

// mention is say, unless quiet.
func (c *checker) mention(format string, args ...any) {
	if !c.quiet {
		c.say(format, args...)
	}
}

func (c *checker) run() error {
	root := c.rootref
	if root == "" {
		last, err := c.lastCheckpoint(c.h, true)
		if err != nil {
			return fail("error fetching checkpoints: %v", err)
		}
		root, c.sequence = last.Rootref, last.Sequence
		when := time.Unix(int64(last.Timestamp), 0).Format("2006-01-02T15:04:05")
		fmt.Fprintf(c.out, "Checking integrity of checkpoint from %s\n", when)
		c.flush()
	}
	if err := c.database(); err != nil {
		return err
	}
	if err := c.tree("", root); err != nil {
		return err
	}
	if c.rootref == "" {
		if err := c.eachJob(c.h, true, c.job); err != nil {
			return err
		}
	}
	if c.verbose || c.errors > 0 {
		c.say("Total errors: %d", c.errors)
	}
	if c.repair {
		if err := c.mend(root); err != nil {
			return err
		}
	}
	return exitStatus(min(c.errors, 1))
}

// database checks the database below the content, if there is one, and tells
// what was found damaged when it was opened.
func (c *checker) database() error {
	var found rpc.ContentChecked
	err := c.h.RPC(c.ctx, "content-backing.check", 0, nil, &found)
	if errors.Is(err, syscall.ENOSYS) {
		return nil
	}
	if err != nil {
		return fail("error checking the database: %v", err)
	}
	for _, line := range found.Damage {
		c.errors++
		c.say("database: %s", line)
	}
	for _, r := range found.Reports {
		for _, line := range r.Lines {
			c.mention("database: found at the start of %s: %s", r.Time, line)
		}
	}
	return nil
}

// tree checks all below a root.
func (c *checker) tree(prefix, root string) error {
	w := &kvstree.Walk{
		Content: c.content, Blob: c.content.Validate, Window: fsckWindow,
		Visit: func(n kvstree.Node) error {
			c.node(n, n.Key == prefix)
			return nil
		},
	}
	return w.Run(c.ctx, prefix, root)
}

func (c *checker) node(n kvstree.Node, root bool) {
	if root {
		if n.Err != nil {
			c.errors++
			c.say("cannot load root tree object: %v", n.Err)
		}
		return
	}
	if c.verbose {
		fmt.Fprintln(c.err, n.Key)
	}
	if o, ok := n.Object.(treeobj.Valref); ok {
		c.value(n, o)
	}
	if n.Err == nil {
		return
	}
	c.errors++
	if !errors.Is(n.Err, syscall.ENOENT) {
		c.say("%s: error retrieving dirref blobref: %v", n.Key, n.Err)
		return
	}
	c.say("%s: missing dirref blobref", n.Key)
	if c.repair {
		c.repairs = append(c.repairs, repair{key: n.Key})
		c.mention("%s unlinked due to missing blobref", n.Key)
	}
}

// value tells what is wrong with a value's blobs.
func (c *checker) value(n kvstree.Node, o treeobj.Valref) {
	var left []string
	var last error
	missing := true // all that is wrong is that blobs are missing
	for i, err := range n.Errs {
		if err == nil {
			left = append(left, o.Refs[i])
			continue
		}
		last = err
		gone := errors.Is(err, syscall.ENOENT)
		missing = missing && gone
		switch {
		case c.verbose && gone:
			c.say("%s: missing blobref index=%d", n.Key, i)
		case c.verbose:
			c.say("%s: error retrieving blobref index=%d: %v", n.Key, i, err)
		}
	}
	if last == nil {
		return
	}
	c.errors++
	switch {
	case c.verbose:
	case errors.Is(last, syscall.ENOENT):
		c.say("%s: missing blobref(s)", n.Key)
	default:
		c.say("%s: error retrieving blobref(s): %v", n.Key, last)
	}
	if !c.repair || !missing {
		return
	}
	r := repair{n.Key, treeobj.Val{}}
	if left != nil {
		r.left = treeobj.Valref{Refs: left}
	}
	c.repairs = append(c.repairs, r)
	c.mention("%s repaired and moved to lost+found", n.Key)
}

// job checks the record of a job, and what it left in the KVS. Neither is in
// the tree that is repaired.
func (c *checker) job(j rpc.ContentJob) error {
	if j.Damage != "" {
		c.errors++
		c.say("job %s: %s", j.ID, j.Damage)
	}
	if j.Guest == "" {
		return nil
	}
	mending := c.repair
	c.repair = false
	defer func() { c.repair = mending }()
	return c.tree(j.ID.KVS()+".guest", j.Guest)
}
