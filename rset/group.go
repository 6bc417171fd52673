// SPDX-License-Identifier: LGPL-3.0-or-later

package rset

import (
	"cmp"
	"slices"

	"goflux/idset"
)

// sortGroups restores the order by first rank.
func sortGroups(groups []group) {
	slices.SortFunc(groups, func(a, b group) int {
		x, _ := a.ranks.First()
		y, _ := b.ranks.First()
		return cmp.Compare(x, y)
	})
}

// ranksOf unites the ranks of groups. It adds them in ascending order, which
// keeps the cost from growing with the square of the runs.
func ranksOf(groups []group) *idset.Set {
	var runs []idset.Range
	for _, g := range groups {
		runs = slices.AppendSeq(runs, g.ranks.Ranges())
	}
	slices.SortFunc(runs, func(a, b idset.Range) int { return cmp.Compare(a.Lo, b.Lo) })
	all := idset.New()
	for _, run := range runs {
		all.AddRange(run.Lo, run.Hi)
	}
	return all
}
