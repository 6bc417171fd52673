// SPDX-License-Identifier: LGPL-3.0-or-later

package sim

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"goflux/internal/message"
	"goflux/internal/store"
)

// disk is the leader's: the real store on real files, whose writer takes its
// turns when the world says so. What a commit has not reached yet is lost in a
// crash, or torn.
type disk struct {
	w     *world
	n     *node
	a     *actor
	dir   string
	life  int
	store *store.Store

	waiting bool // the store has something to write
	busy    bool // a write is under way
	quick   time.Duration
	full    bool
	spare   int // transactions that find room in what was set aside
	writes  int
}

// quickSyncs are how long a transaction with its sync takes at most, by disk.
var quickSyncs = [...]time.Duration{2 * time.Millisecond, 10 * time.Millisecond, 30 * time.Millisecond}

const (
	// slowSync is one that the disk takes its time for, now and then.
	slowSync = 400 * time.Millisecond
	// spaceRetry is how often a store that waits for room looks for it.
	spaceRetry = time.Second
)

func (d *disk) path() string {
	return filepath.Join(d.dir, fmt.Sprintf("%d-%s", d.life, store.FileName))
}

// size is small, and grows with the history: so are what the store sets aside
// and how long its log becomes before it is copied.
func (d *disk) size() int64 { return 8<<20 + int64(d.w.opt.Jobs)*16<<10 }

// open opens the store for a broker's life.
func (d *disk) open(b *broker) error {
	var err error
	d.waiting, d.busy = false, false
	d.store, err = store.Open(d.path(), store.Options{Lasting: true, Wake: d.wake, Hook: d.hook, Space: d.space})
	return err
}

func (d *disk) space(string) (free, total int64, err error) {
	if d.full {
		return 0, d.size(), nil
	}
	return d.size(), d.size(), nil
}

// hook fails a transaction for want of space. When the store has given up what
// it had set aside, some more find room.
func (d *disk) hook(point string) error {
	if !d.full || point != "begin" {
		return nil
	}
	if _, err := os.Stat(d.path() + ".reserve"); err == nil || d.spare == 0 {
		return message.Errorf(syscall.ENOSPC, "no space left on the simulated device")
	}
	d.spare--
	return nil
}

// fill fills the disk, but for so many transactions.
func (d *disk) fill(spare int) { d.full, d.spare = true, spare }

func (d *disk) wake() {
	d.waiting = true
	d.next()
}

// next begins a write when there is something to write.
func (d *disk) next() {
	if d.busy || !d.waiting {
		return
	}
	d.busy = true
	st := d.store
	wait := d.a.between(d.quick/10, d.quick)
	if d.a.chance(slowShare) {
		wait = d.a.between(d.quick, slowSync)
	}
	var write func()
	write = func() {
		if d.store != st {
			return // another life
		}
		if d.n.paused {
			d.n.whenResumed(d.a, write)
			return
		}
		if d.full && d.spare == 0 { // the store waits for room
			d.w.after(d.a, spaceRetry, write)
			return
		}
		d.waiting = false
		d.writes++
		st.Write()
		d.busy = false
		d.next()
	}
	d.w.after(d.a, wait, write)
}

// crash leaves of the files what a crash of the process leaves, or without
// power of the disk: what is synchronized, and of the write under way nothing,
// a part, or all, for which nobody has been answered.
func (d *disk) crash(power bool) error {
	st := d.store
	if st == nil {
		return nil
	}
	d.store = nil
	left, err := d.read()
	if err != nil {
		return err
	}
	if d.waiting && d.a.chance(0.5) && !d.full {
		st.Write()
		if left, err = d.torn(left, power); err != nil {
			return err
		}
	}
	if err := st.Close(); err != nil {
		return err
	}
	old := d.path()
	d.life++
	for i, suffix := range suffixes {
		if left[i] == nil {
			continue
		}
		if err := os.WriteFile(d.path()+suffix, left[i], 0o600); err != nil {
			return err
		}
	}
	return store.Remove(old)
}

// suffixes are those of the store's files: the database, its write-ahead log,
// its checksums.
var suffixes = [...]string{"", "-wal", ".sums"}

type image [len(suffixes)][]byte

func (d *disk) read() (im image, err error) {
	for i, suffix := range suffixes {
		im[i], err = os.ReadFile(d.path() + suffix)
		if err != nil && !os.IsNotExist(err) {
			return im, err
		}
	}
	return im, nil
}

// torn is what the write under way has left: of what it added to the
// write-ahead log, some, perhaps damaged. A write that moved the log into the
// file counts as not begun.
func (d *disk) torn(before image, power bool) (image, error) {
	after, err := d.read()
	file, log, grown := before[0], before[1], after[1]
	if err != nil || !bytes.Equal(after[0], file) || !bytes.HasPrefix(grown, log) {
		return before, err
	}
	if !power || len(grown) == len(log) || d.a.chance(0.3) {
		return after, nil
	}
	cut := len(log) + d.a.intn(len(grown)-len(log))
	torn := bytes.Clone(grown[:cut])
	if cut > len(log) && d.a.chance(0.5) {
		torn[len(log)+d.a.intn(cut-len(log))] ^= 1 << d.a.intn(8)
	}
	before[1] = torn
	return before, nil
}

// remove ends the disk.
func (d *disk) remove() {
	if d.store != nil {
		_ = d.store.Close() // the run is over, whatever it says
	}
	os.RemoveAll(d.dir)
}
