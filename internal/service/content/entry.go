// SPDX-License-Identifier: LGPL-3.0-or-later

package content

import (
	"container/list"
	"time"

	"goflux/internal/service"
)

// entry is a blob, or the wish for one.
type entry struct {
	hash    string // raw bytes
	data    []byte
	valid   bool // data is there
	dirty   bool // it is not known to be stored further up
	storing bool // a store of it is under way
	queued  bool // it waits for its turn to be stored
	loads   []*service.Call
	stores  []*service.Call
	used    time.Time
	elem    *list.Element // in cache.clean
}

// cache is the entries of one broker.
type cache struct {
	entries map[string]*entry
	clean   *list.List // valid and not dirty, most recently used first
	size    int64
	valid   int
	dirty   int
}

func newCache() cache { return cache{entries: map[string]*entry{}, clean: list.New()} }

// get returns the entry for a hash, making it if need be.
func (c *cache) get(hash string) *entry {
	e := c.entries[hash]
	if e == nil {
		e = &entry{hash: hash}
		c.entries[hash] = e
	}
	return e
}

// fill gives an entry its data.
func (c *cache) fill(e *entry, data []byte, dirty bool, now time.Time) {
	if e.valid {
		return
	}
	e.data, e.valid = data, true
	c.valid++
	c.size += int64(len(data))
	if dirty {
		e.dirty = true
		c.dirty++
		return
	}
	e.used = now
	e.elem = c.clean.PushFront(e)
}

// cleaned notes that an entry has been stored.
func (c *cache) cleaned(e *entry, now time.Time) {
	if !e.dirty {
		return
	}
	e.dirty = false
	c.dirty--
	e.used = now
	e.elem = c.clean.PushFront(e)
}

// touch notes that an entry has been used.
func (c *cache) touch(e *entry, now time.Time) {
	if e.elem != nil {
		e.used = now
		c.clean.MoveToFront(e.elem)
	}
}

func (c *cache) remove(e *entry) {
	delete(c.entries, e.hash)
	if e.elem != nil {
		c.clean.Remove(e.elem)
	}
	if e.dirty {
		c.dirty--
	}
	if e.valid {
		c.valid--
		c.size -= int64(len(e.data))
	}
}

// purge removes what has not been used since before, oldest first, until the
// size is down to target. It reports whether there is more to be removed later.
func (c *cache) purge(target int64, before time.Time) bool {
	for c.size > target {
		last := c.clean.Back()
		if last == nil {
			return false
		}
		e := last.Value.(*entry)
		if e.used.After(before) {
			return true
		}
		c.remove(e)
	}
	return false
}
