// SPDX-License-Identifier: LGPL-3.0-or-later

package dbfile

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
)

// Value is a column: nil, int64, float64 or []byte, which stands for text, too.
type Value = any

// Row is a row of a table, as far as it is stored: a column that is the row id
// is nil.
type Row struct {
	ID      int64 // 0 in a table without row ids
	Columns []Value
	Page    uint32 // where it begins
}

// Walk reads a table. What cannot be read is handed to Bad, and the rest goes
// on.
type Walk struct {
	Pages *Pages
	Row   func(Row)
	Bad   func(page uint32, err error)

	seen map[uint32]bool
}

// Kinds of pages of a tree.
const (
	indexInner = 0x02
	tableInner = 0x05
	indexLeaf  = 0x0a
	tableLeaf  = 0x0d
)

// maxDepth bounds the depth of a tree: a real one has no more than a few
// levels.
const maxDepth = 30

// Table reads the table whose root is page root. Those without row ids are
// stored as indexes are.
func (w *Walk) Table(root uint32) {
	w.seen = map[uint32]bool{}
	w.tree(root, 0)
}

func (w *Walk) tree(n uint32, depth int) {
	if w.seen[n] || depth > maxDepth {
		w.Bad(n, fmt.Errorf("page %d is referred to twice", n))
		return
	}
	w.seen[n] = true
	b, err := w.Pages.Page(n)
	if err != nil {
		w.Bad(n, err)
		return
	}
	head := 0
	if n == 1 {
		head = headSize
	}
	kind := b[head]
	inner := kind == tableInner || kind == indexInner
	if !inner && kind != tableLeaf && kind != indexLeaf {
		w.Bad(n, fmt.Errorf("page %d is of kind %#x", n, kind))
		return
	}
	count := int(binary.BigEndian.Uint16(b[head+3:]))
	at := head + 8
	if inner {
		at += 4
	}
	if at+2*count > w.Pages.Usable {
		w.Bad(n, fmt.Errorf("page %d claims %d cells", n, count))
		return
	}
	var bad error // the first of the page
	spoilt := 0
	for i := range count {
		cell := int(binary.BigEndian.Uint16(b[at+2*i:]))
		if cell < at+2*count || cell+4 > w.Pages.Usable {
			bad = cmp.Or(bad, fmt.Errorf("cell %d is at %d", i, cell))
			spoilt++
			continue
		}
		if inner {
			w.tree(binary.BigEndian.Uint32(b[cell:]), depth+1)
			cell += 4
		}
		if kind == tableInner {
			continue
		}
		r, err := w.cell(b[:w.Pages.Usable], cell, kind)
		if err != nil {
			bad = cmp.Or(bad, fmt.Errorf("cell %d: %w", i, err))
			spoilt++
			continue
		}
		r.Page = n
		w.Row(r)
	}
	if bad != nil {
		w.Bad(n, fmt.Errorf("page %d: %d of %d cells cannot be read: %w", n, spoilt, count, bad))
	}
	if inner {
		w.tree(binary.BigEndian.Uint32(b[head+8:]), depth+1)
	}
}

// maxPayload bounds what a damaged length can make us allocate.
const maxPayload = 1<<30 + 1<<20

func (w *Walk) cell(b []byte, at int, kind byte) (r Row, err error) {
	size, n := uvarint(b[at:])
	at += n
	if kind == tableLeaf {
		id, k := uvarint(b[at:])
		r.ID = int64(id)
		at += k
		n = min(n, k)
	}
	if n == 0 || size > maxPayload || size > uint64(w.Pages.Count)*uint64(w.Pages.PageSize) {
		return r, fmt.Errorf("%d bytes", size)
	}
	local := w.local(int(size), kind == tableLeaf)
	if at+local > len(b) {
		return r, fmt.Errorf("%d bytes at %d", local, at)
	}
	payload := b[at : at+local : at+local]
	if local < int(size) {
		if at+local+4 > len(b) {
			return r, fmt.Errorf("%d bytes at %d", local, at)
		}
		if payload, err = w.overflow(payload, int(size), binary.BigEndian.Uint32(b[at+local:])); err != nil {
			return r, err
		}
	}
	r.Columns, err = record(payload)
	return r, err
}

// local is how much of a payload is in the cell itself.
func (w *Walk) local(size int, table bool) int {
	u := w.Pages.Usable
	most := (u-12)*64/255 - 23
	if table {
		most = u - 35
	}
	if size <= most {
		return size
	}
	least := (u-12)*32/255 - 23
	if k := least + (size-least)%(u-4); k <= most {
		return k
	}
	return least
}

func (w *Walk) overflow(payload []byte, size int, next uint32) ([]byte, error) {
	out := append(make([]byte, 0, min(size, 1<<20)), payload...)
	for len(out) < size {
		if w.seen[next] {
			return nil, fmt.Errorf("page %d is referred to twice", next)
		}
		b, err := w.Pages.Page(next)
		if err != nil {
			return nil, err
		}
		w.seen[next] = true
		n := min(size-len(out), w.Pages.Usable-4)
		out = append(out, b[4:4+n]...)
		next = binary.BigEndian.Uint32(b)
	}
	return out, nil
}

// record decodes a row's columns.
func record(b []byte) ([]Value, error) {
	end, n := uvarint(b)
	if n == 0 || end > uint64(len(b)) || end < uint64(n) {
		return nil, fmt.Errorf("a record of %d bytes with a head of %d", len(b), end)
	}
	var out []Value
	head, data := b[n:end], b[end:]
	for len(head) > 0 {
		kind, n := uvarint(head)
		if n == 0 {
			return nil, fmt.Errorf("a record's head is cut short")
		}
		head = head[n:]
		v, size, err := column(kind, data)
		if err != nil {
			return nil, err
		}
		out, data = append(out, v), data[size:]
	}
	return out, nil
}

func column(kind uint64, b []byte) (Value, int, error) {
	size := 0
	switch {
	case kind <= 4:
		size = int(kind)
	case kind == 5:
		size = 6
	case kind == 6 || kind == 7:
		size = 8
	case kind == 8 || kind == 9:
		return int64(kind - 8), 0, nil
	case kind >= 12:
		if (kind-12)/2 > uint64(len(b)) {
			return nil, 0, fmt.Errorf("a column of %d bytes", (kind-12)/2)
		}
		size = int((kind - 12) / 2)
		return append([]byte{}, b[:size]...), size, nil
	default:
		return nil, 0, fmt.Errorf("a column of kind %d", kind)
	}
	if size > len(b) {
		return nil, 0, fmt.Errorf("a column of %d bytes", size)
	}
	if size == 0 {
		return nil, 0, nil
	}
	v := int64(int8(b[0]))
	for _, c := range b[1:size] {
		v = v<<8 | int64(c)
	}
	if kind == 7 {
		return math.Float64frombits(uint64(v)), size, nil
	}
	return v, size, nil
}

// uvarint decodes SQLite's variable-length integers; n is 0 when b ends first.
func uvarint(b []byte) (v uint64, n int) {
	for n < 8 && n < len(b) {
		v = v<<7 | uint64(b[n]&0x7f)
		n++
		if b[n-1] < 0x80 {
			return v, n
		}
	}
	if n < 8 || len(b) < 9 {
		return 0, 0
	}
	return v<<8 | uint64(b[8]), 9
}

// Roots reads from the schema where the tables begin.
func Roots(p *Pages) (map[string]uint32, error) {
	roots := map[string]uint32{}
	var bad error
	w := Walk{Pages: p, Bad: func(_ uint32, err error) { bad = err }, Row: func(r Row) {
		if len(r.Columns) < 4 {
			return
		}
		kind, _ := r.Columns[0].([]byte)
		name, _ := r.Columns[1].([]byte)
		root, _ := r.Columns[3].(int64)
		if string(kind) == "table" {
			roots[string(name)] = uint32(root)
		}
	}}
	w.Table(1)
	return roots, bad
}
