// SPDX-License-Identifier: LGPL-3.0-or-later

package contentsqlite

import (
	"context"

	"goflux/internal/rpc"
	"goflux/internal/service"
)

// maxTold bounds how many lines on damage are logged.
const maxTold = 20

// tellDamage logs what was found damaged when the store was opened, and has the
// rest of a large file checked.
func (b *backing) tellDamage() {
	for i, line := range b.store.Findings() {
		if i == maxTold {
			b.h.Log().Error("content database: flux fsck tells the rest", "path", b.store.Path())
			break
		}
		b.h.Log().Error("content database", "path", b.store.Path(), "found", line)
	}
	if !b.store.Unchecked() {
		return
	}
	var wrong []string
	var err error
	b.h.Go(func(context.Context) { wrong, err = b.store.CheckPages() }, func() {
		for _, line := range wrong {
			b.h.Log().Error("content database: see flux fsck", "path", b.store.Path(), "found", line)
		}
		if err != nil {
			b.h.Log().Error("checking the database", "path", b.store.Path(), "err", err)
		}
	})
}

// check looks for damage in the database, while it is in use.
func (b *backing) check(c *service.Call) {
	b.off(c, func() (any, error) {
		var out rpc.ContentChecked
		var err error
		if out.Damage, err = b.store.Check(); err != nil {
			return nil, err
		}
		reports, err := b.store.Reports()
		for _, r := range reports {
			out.Reports = append(out.Reports, rpc.ContentReport{Time: r.Time, Lines: r.Lines})
		}
		return out, err
	})
}
