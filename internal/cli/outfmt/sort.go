// SPDX-License-Identifier: LGPL-3.0-or-later

package outfmt

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// SetSort sets the fields to sort by, "KEY,-KEY,...": a dash reverses. They
// replace those of the format's sort: prefix.
func (f *Format) SetSort(keys string) error {
	f.sort = nil
	for key := range strings.SplitSeq(keys, ",") {
		key = strings.TrimSpace(key)
		field, reverse := strings.CutPrefix(key, "-")
		if key == "" {
			continue
		}
		if _, ok := f.headings[field]; !ok {
			return fmt.Errorf("Invalid sort key: %s", field)
		}
		f.sort = append(f.sort, sortKey{field, reverse})
	}
	return nil
}

// Sort sorts items by the format's keys. Values that are not there come first,
// then numbers, then text; equal items keep their order.
func Sort[T Item](f *Format, items []T) {
	if len(f.sort) == 0 {
		return
	}
	slices.SortStableFunc(items, func(a, b T) int {
		for _, k := range f.sort {
			c := compare(a.Field(k.field), b.Field(k.field))
			if k.reverse {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
}

// Ordered is a value that is not sorted by its text.
type Ordered interface{ Order() uint64 }

// compare orders two values of a column.
func compare(a, b any) int {
	if x, ok := a.(Ordered); ok {
		if y, ok := b.(Ordered); ok {
			return cmp.Compare(x.Order(), y.Order())
		}
	}
	rankA, numA, textA := sortValue(a)
	rankB, numB, textB := sortValue(b)
	return cmp.Or(cmp.Compare(rankA, rankB), cmp.Compare(numA, numB), cmp.Compare(textA, textB))
}

// sortValue is a value's place among the kinds of values, and among its kind.
func sortValue(v any) (kind int, n float64, text string) {
	if n, ok := number(v); ok {
		return 1, n, ""
	}
	text = Text(v)
	if text == "" || text == "-" {
		return 0, 0, ""
	}
	if n, err := strconv.ParseFloat(strings.TrimSpace(text), 64); err == nil {
		return 1, n, ""
	}
	return 2, 0, text
}
