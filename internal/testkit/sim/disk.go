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
	full    bool
	writes  int
}

// How long a transaction with its sync takes, and now and then one that the
// disk takes its time for.
const (
	quickSync = 2 * time.Millisecond
	slowSync  = 400 * time.Millisecond
)

func (d *disk) path() string {
	return filepath.Join(d.dir, fmt.Sprintf("%d-%s", d.life, store.FileName))
}

// open opens the store for a broker's life.
func (d *disk) open(b *broker) error {
	var err error
	d.waiting, d.busy = false, false
	d.store, err = store.Open(d.path(), store.Options{Wake: d.wake, Hook: d.hook})
	return err
}

// hook fails a transaction for want of space.
func (d *disk) hook(point string) error {
	if d.full && point == "begin" {
		return message.Errorf(syscall.ENOSPC, "no space left on the simulated device")
	}
	return nil
}

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
	wait := d.a.between(quickSync/10, quickSync)
	if d.a.chance(slowShare) {
		wait = d.a.between(quickSync, slowSync)
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
	file, log, err := d.read()
	if err != nil {
		return err
	}
	if d.waiting && d.a.chance(0.5) {
		st.Write()
		if file, log, err = d.torn(file, log, power); err != nil {
			return err
		}
	}
	if err := st.Close(); err != nil {
		return err
	}
	old := d.path()
	d.life++
	if err := os.WriteFile(d.path(), file, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(d.path()+"-wal", log, 0o600); err != nil {
		return err
	}
	return store.Remove(old)
}

func (d *disk) read() (file, log []byte, err error) {
	if file, err = os.ReadFile(d.path()); err != nil {
		return nil, nil, err
	}
	log, err = os.ReadFile(d.path() + "-wal")
	if os.IsNotExist(err) {
		err = nil
	}
	return file, log, err
}

// torn is what the write under way has left: of what it added to the
// write-ahead log, some, perhaps damaged. A write that moved the log into the
// file counts as not begun.
func (d *disk) torn(file, log []byte, power bool) (_, _ []byte, err error) {
	after, grown, err := d.read()
	if err != nil || !bytes.Equal(after, file) || !bytes.HasPrefix(grown, log) {
		return file, log, err
	}
	if !power || len(grown) == len(log) || d.a.chance(0.3) {
		return file, grown, nil
	}
	cut := len(log) + d.a.intn(len(grown)-len(log))
	torn := bytes.Clone(grown[:cut])
	if cut > len(log) && d.a.chance(0.5) {
		torn[len(log)+d.a.intn(cut-len(log))] ^= 1 << d.a.intn(8)
	}
	return file, torn, nil
}

// remove ends the disk.
func (d *disk) remove() {
	if d.store != nil {
		_ = d.store.Close() // the run is over, whatever it says
	}
	os.RemoveAll(d.dir)
}
