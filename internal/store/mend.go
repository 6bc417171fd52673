// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"errors"
	"fmt"
	"slices"

	"goflux/internal/message"
	"goflux/treeobj"
)

// mender takes out of the KVS's tree, in a database that is made anew, what
// refers to objects that are lost: an instance that finds a hole in its tree
// cannot start.
type mender struct {
	c    *conn
	done map[string]string // directories that have been mended, and what they are now
	lost []string          // keys that are gone
}

// maxTreeDepth bounds the depth of a tree that is mended.
const maxTreeDepth = 128

// mendTree makes the newest checkpoint whose root can be read one without
// holes, and drops those before it. It returns what it did.
func mendTree(c *conn) (report []string, err error) {
	type checkpoint struct {
		id    int64
		value map[string]any
	}
	var all []checkpoint
	err = query(c, "SELECT id, value FROM checkpt_v2 ORDER BY id DESC", func(st *stmt) bool {
		cp := checkpoint{id: st.ColumnInt64(0)}
		_ = message.Unmarshal(columnBytes(st, 1), &cp.value) // a value that is none has no root
		all = append(all, cp)
		return true
	})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	for _, cp := range all {
		ref, _ := cp.value["rootref"].(string)
		m := &mender{c: c, done: map[string]string{}}
		root, err := m.dir("", ref, 0)
		if err != nil {
			report = append(report, fmt.Sprintf("the root of checkpoint %d is lost: %v", cp.id, err))
			if err := exec(c, "DELETE FROM checkpt_v2 WHERE id = ?", cp.id); err != nil {
				return report, err
			}
			continue
		}
		if root == ref {
			return report, nil
		}
		slices.Sort(m.lost)
		report = append(report, fmt.Sprintf("%d keys of the KVS are lost: %s", len(m.lost), few(m.lost)))
		return report, m.checkpoint(cp.value, root)
	}
	return append(report, "the KVS is lost: it begins empty"), nil
}

// checkpoint adds one with another root.
func (m *mender) checkpoint(value map[string]any, root string) error {
	value["rootref"] = root
	if seq, ok := value["sequence"].(int64); ok {
		value["sequence"] = seq + 1
	}
	b, err := message.Marshal(value)
	if err != nil {
		return err
	}
	if err := exec(m.c, "INSERT INTO checkpt_v2 (value) VALUES (?)", string(b)); err != nil {
		return err
	}
	sealed := checkpointSeal(m.c.LastInsertRowID(), string(b))
	return exec(m.c, "INSERT OR REPLACE INTO goflux_meta(key,value) VALUES (?,?)", metaCheckpoint, sealMeta(metaCheckpoint, sealed))
}

// object loads an object.
func (m *mender) object(ref string) (data []byte, err error) {
	_, digest, err := treeobj.ParseBlobref(ref)
	if err != nil {
		return nil, err
	}
	err = errors.New("the object is not there")
	qerr := query(m.c, "SELECT object, size FROM objects WHERE hash = ?", func(st *stmt) bool {
		data, err = unpackObject(st.ColumnInt64(1), columnBytes(st, 0))
		return false
	}, string(digest))
	return data, errors.Join(qerr, err)
}

// dir mends the directory ref and returns its reference.
func (m *mender) dir(key, ref string, depth int) (string, error) {
	if now, ok := m.done[ref]; ok {
		return now, nil
	}
	if depth > maxTreeDepth {
		return "", errors.New("the tree is too deep")
	}
	data, err := m.object(ref)
	if err != nil {
		return "", err
	}
	o, err := treeobj.Decode(data)
	if err != nil {
		return "", err
	}
	d, ok := o.(*treeobj.Dir)
	if !ok {
		return "", fmt.Errorf("%s is no directory", ref)
	}
	now := ref
	if m.entries(key, d, depth) {
		if now, err = m.store(ref, treeobj.Encode(d)); err != nil {
			return "", err
		}
	}
	m.done[ref] = now
	return now, nil
}

// entries mends what is in a directory, and reports whether that changed it.
func (m *mender) entries(key string, d *treeobj.Dir, depth int) (changed bool) {
	for name, o := range d.Clone().All() {
		at := name
		if key != "" {
			at = key + "." + name
		}
		var err error
		switch o := o.(type) {
		case *treeobj.Dir:
			sub := o.Clone()
			if m.entries(at, sub, depth+1) {
				d.Set(name, sub)
				changed = true
			}
		case treeobj.Dirref:
			now := ""
			if len(o.Refs) != 1 {
				err = errors.New("a directory in pieces")
			} else if now, err = m.dir(at, o.Refs[0], depth+1); err == nil && now != o.Refs[0] {
				d.Set(name, treeobj.Dirref{Refs: []string{now}})
				changed = true
			}
		case treeobj.Valref:
			for _, ref := range o.Refs {
				if _, e := m.object(ref); e != nil {
					err = e
				}
			}
		}
		if err != nil {
			d.Delete(name)
			m.lost = append(m.lost, at)
			changed = true
		}
	}
	return changed
}

// store adds a directory, with the hash that its predecessor has.
func (m *mender) store(like string, data []byte) (string, error) {
	hash, _, err := treeobj.ParseBlobref(like)
	if err != nil {
		return "", err
	}
	size, object, err := packObject(data)
	if err != nil {
		return "", err
	}
	err = exec(m.c, "INSERT OR IGNORE INTO objects(hash,size,object,epoch) VALUES (?,?,?,(SELECT COALESCE(MAX(id),0)+1 FROM checkpt_v2))",
		string(hash.Digest(data)), size, object)
	return treeobj.Blobref(hash, data), err
}
