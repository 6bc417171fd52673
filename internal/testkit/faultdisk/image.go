// SPDX-License-Identifier: LGPL-3.0-or-later

package faultdisk

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Image is what is on a disk: the contents of files by name.
type Image map[string][]byte

// WriteTo puts an image's files into a directory.
func (im Image) WriteTo(t testing.TB, dir string) {
	t.Helper()
	for name, data := range im {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Replay follows a record, and tells what would be on the disk if it ended.
type Replay struct {
	live    Image // all done
	stable  Image // all that has been synced
	pending []Op  // the difference
}

// NewReplay begins with an empty disk.
func NewReplay() *Replay { return &Replay{live: Image{}, stable: Image{}} }

// Do goes on by one operation.
func (r *Replay) Do(o Op) {
	name := o.Name()
	r.live.apply(o)
	if o.Kind != Sync {
		r.pending = append(r.pending, o)
	}
	r.pending = slices.DeleteFunc(r.pending, func(p Op) bool {
		durable := o.DirSync && p.Kind == Remove || o.Kind == Sync && p.Name() == name
		if durable {
			r.stable.apply(p)
		}
		return durable
	})
}

// apply does an operation in place: the slices of an image are its own.
func (im Image) apply(o Op) {
	name := o.Name()
	switch o.Kind {
	case Write:
		im.write(name, o.Off, o.Data)
	case Truncate:
		im[name] = resized(im[name], o.Off)
	case Remove:
		delete(im, name)
	}
}

func (im Image) write(name string, off int64, data []byte) {
	b := im[name]
	if end := off + int64(len(data)); int64(len(b)) < end {
		b = resized(b, end)
	}
	copy(b[off:], data)
	im[name] = b
}

// resized cuts b, or extends it by zeros.
func resized(b []byte, size int64) []byte {
	if size <= int64(len(b)) {
		return b[:size:size]
	}
	return append(b, make([]byte, size-int64(len(b)))...)
}

func (im Image) clone() Image {
	out := maps.Clone(im)
	for name, b := range out {
		out[name] = bytes.Clone(b)
	}
	return out
}

// Killed is what the death of the process during next leaves: all that was
// written before, synced or not, and of next, a write, its first torn bytes.
func (r *Replay) Killed(next Op, torn int) Image {
	im := r.live.clone()
	if next.Kind == Write && torn > 0 {
		im.write(next.Name(), next.Off, next.Data[:min(torn, len(next.Data))])
	}
	return im
}

// sector is what a disk writes whole or not at all.
const sector = 512

// PowerLost is what loss of power during next leaves: all that was synced, and
// of the rest, next included, what rng says, sector by sector. Files may have
// been extended without their contents.
func (r *Replay) PowerLost(next Op, rng *rand.Rand) Image {
	im := r.stable.clone()
	share := rng.IntN(5) // from none to all
	for _, o := range append(r.pending[:len(r.pending):len(r.pending)], next) {
		if o.Kind == Sync {
			continue
		}
		if o.Kind != Write {
			if rng.IntN(4) < share {
				im.apply(o)
			}
			continue
		}
		for at := 0; at < len(o.Data); {
			n := sector - int(o.Off+int64(at))%sector
			n = min(n, len(o.Data)-at)
			if rng.IntN(4) < share {
				im.write(o.Name(), o.Off+int64(at), o.Data[at:at+n])
			} else if end := o.Off + int64(at+n); rng.IntN(4) == 0 && int64(len(im[o.Name()])) < end {
				im[o.Name()] = resized(im[o.Name()], end)
			}
			at += n
		}
	}
	return im
}

// SyncedOnly is the loss of power with a disk that had written nothing of what
// it was not told to.
func (r *Replay) SyncedOnly() Image { return r.stable.clone() }
