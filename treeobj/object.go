// SPDX-License-Identifier: LGPL-3.0-or-later

package treeobj

import (
	"encoding/base64"
	"errors"
	"fmt"
)

// version is the one value of "ver".
const version = 1

// Kind is the type of an object, spelled as in JSON.
type Kind string

// The kinds of RFC 11.
const (
	KindVal     Kind = "val"
	KindValref  Kind = "valref"
	KindDir     Kind = "dir"
	KindDirref  Kind = "dirref"
	KindSymlink Kind = "symlink"
)

// Object is a Val, Valref, *Dir, Dirref or Symlink.
type Object interface {
	Kind() Kind
	// Append adds the canonical bytes to dst.
	Append(dst []byte) []byte
	// appendData adds the value of "data".
	appendData(dst []byte) []byte
	// check reports what keeps the object from being valid.
	check() error
}

// Val is a value held in the object itself.
type Val struct{ Data []byte }

// Valref is a value held in the content store: the blobs of Refs, joined.
type Valref struct{ Refs []string }

// Dirref is a directory held in the content store: the blobs of Refs, joined,
// are the bytes of a Dir. RFC 11 limits Refs to one for now; Decode does not.
type Dirref struct{ Refs []string }

// Symlink points to another key, which may exist or not.
type Symlink struct {
	Namespace string // "" means that of the link
	Target    string
}

// Kind is KindVal.
func (Val) Kind() Kind { return KindVal }

// Kind is KindValref.
func (Valref) Kind() Kind { return KindValref }

// Kind is KindDir.
func (*Dir) Kind() Kind { return KindDir }

// Kind is KindDirref.
func (Dirref) Kind() Kind { return KindDirref }

// Kind is KindSymlink.
func (Symlink) Kind() Kind { return KindSymlink }

// Append implements Object.
func (o Val) Append(dst []byte) []byte { return appendObject(dst, o) }

// Append implements Object.
func (o Valref) Append(dst []byte) []byte { return appendObject(dst, o) }

// Append implements Object.
func (d *Dir) Append(dst []byte) []byte { return appendObject(dst, d) }

// Append implements Object.
func (o Dirref) Append(dst []byte) []byte { return appendObject(dst, o) }

// Append implements Object.
func (o Symlink) Append(dst []byte) []byte { return appendObject(dst, o) }

// Encode returns the canonical bytes of an object.
func Encode(o Object) []byte { return o.Append(nil) }

func appendObject(dst []byte, o Object) []byte {
	dst = append(dst, `{"data":`...)
	dst = o.appendData(dst)
	dst = append(dst, `,"type":"`...)
	dst = append(dst, o.Kind()...)
	return append(dst, `","ver":1}`...)
}

func (o Val) appendData(dst []byte) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, o.Data)
	return append(dst, '"')
}

func (o Valref) appendData(dst []byte) []byte { return appendRefs(dst, o.Refs) }
func (o Dirref) appendData(dst []byte) []byte { return appendRefs(dst, o.Refs) }

func appendRefs(dst []byte, refs []string) []byte {
	for i, ref := range refs {
		dst = append(dst, "[,"[min(i, 1)], '"')
		dst = append(dst, ref...)
		dst = append(dst, '"')
	}
	return append(dst, ']')
}

func (d *Dir) appendData(dst []byte) []byte {
	dst = append(dst, '{')
	first := true
	for name, o := range d.All() {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = appendString(dst, name)
		dst = append(dst, ':')
		dst = o.Append(dst)
	}
	return append(dst, '}')
}

func (o Symlink) appendData(dst []byte) []byte {
	dst = append(dst, '{')
	if o.Namespace != "" {
		dst = append(dst, `"namespace":`...)
		dst = appendString(dst, o.Namespace)
		dst = append(dst, ',')
	}
	dst = append(dst, `"target":`...)
	dst = appendString(dst, o.Target)
	return append(dst, '}')
}

// appendString quotes a string with the escapes flux-core uses, no more and in
// the same case, for the sake of equal hashes.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	dst = append(dst, '"')
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= ' ':
			dst = append(dst, c)
		case c == '\b':
			dst = append(dst, `\b`...)
		case c == '\f':
			dst = append(dst, `\f`...)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, `\u00`...)
			dst = append(dst, hex[c>>4], hex[c&15])
		}
	}
	return append(dst, '"')
}

// Validate reports what keeps an object, and all within it, from being valid:
// Decode would refuse its bytes.
func Validate(o Object) error {
	if o == nil {
		return errors.New("tree object: missing")
	}
	if err := o.check(); err != nil {
		return fmt.Errorf("tree object: %w", err)
	}
	return nil
}

func (Val) check() error      { return nil }
func (o Valref) check() error { return checkRefs(o.Refs) }
func (o Dirref) check() error { return checkRefs(o.Refs) }

var errNoRefs = errors.New("a reference needs at least one blobref")

func checkRefs(refs []string) error {
	if len(refs) == 0 {
		return errNoRefs
	}
	for _, ref := range refs {
		if err := CheckBlobref(ref); err != nil {
			return err
		}
	}
	return nil
}

var errNoTarget = errors.New("a symlink needs a target")

func (o Symlink) check() error {
	if o.Target == "" {
		return errNoTarget
	}
	return nil
}

func (d *Dir) check() error {
	for name, o := range d.All() {
		if o == nil {
			return fmt.Errorf("%q: missing", name)
		}
		if err := o.check(); err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
	}
	return nil
}
