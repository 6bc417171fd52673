// SPDX-License-Identifier: LGPL-3.0-or-later

package kvs

import (
	"container/list"

	"goflux/treeobj"
)

// object is a blob and, once asked for, what it decodes to.
type object struct {
	ref    string
	data   []byte
	dir    *treeobj.Dir // never changed
	notDir bool         // data does not decode to a directory
	elem   *list.Element
}

// asDir is the directory the blob holds, or nil.
func (o *object) asDir() *treeobj.Dir {
	if o.dir == nil && !o.notDir {
		v, err := treeobj.Decode(o.data)
		d, ok := v.(*treeobj.Dir)
		if err != nil || !ok {
			o.notDir = true
			return nil
		}
		o.dir = d
	}
	return o.dir
}

// weight approximates the memory an object takes: its bytes, and what they
// decode to.
func (o *object) weight() int { return 2*len(o.data) + 100 }

// cache keeps the most recently used objects.
type cache struct {
	limit   int
	weight  int
	always  *object // the empty directory, from which namespaces are made
	objects map[string]*object
	order   *list.List // most recently used first
}

func newCache(limit int, always *object) *cache {
	return &cache{limit: limit, always: always, objects: map[string]*object{}, order: list.New()}
}

func (c *cache) get(ref string) *object {
	if ref == c.always.ref {
		return c.always
	}
	o := c.objects[ref]
	if o != nil {
		c.order.MoveToFront(o.elem)
	}
	return o
}

// put adds an object unless it is there, and returns the one that is.
func (c *cache) put(o *object) *object {
	if have := c.get(o.ref); have != nil {
		return have
	}
	c.objects[o.ref] = o
	o.elem = c.order.PushFront(o)
	c.weight += o.weight()
	for c.weight > c.limit && c.order.Len() > 1 {
		c.drop(c.order.Back().Value.(*object))
	}
	return o
}

func (c *cache) drop(o *object) {
	delete(c.objects, o.ref)
	c.order.Remove(o.elem)
	c.weight -= o.weight()
}

func (c *cache) clear() {
	for c.order.Len() > 0 {
		c.drop(c.order.Front().Value.(*object))
	}
}

// refSet is a set of references in the order they came up.
type refSet struct {
	list []string
	seen map[string]bool
}

func (s *refSet) add(ref string) {
	if s.seen[ref] {
		return
	}
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
	s.seen[ref] = true
	s.list = append(s.list, ref)
}

func (s *refSet) len() int { return len(s.list) }
