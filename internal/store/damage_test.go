// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"

	"goflux/internal/testkit/faultdisk"
)

// damagePlaces is how many places of each file are damaged in each way.
func damagePlaces() int {
	if *allPoints {
		return 200
	}
	return 6
}

// aged is what a store's files are after a long trace: as a kill leaves them,
// and after Close. The log has been copied into the file each so many pages.
func aged(t *testing.T, logPages int) (killed, closed faultdisk.Image, state string) {
	dir := fastDir(t)
	path := filepath.Join(dir, FileName)
	s := open(t, path, Options{Lasting: true, CheckpointPages: logPages})
	tr := tracerOf(11)
	for range 300 {
		b := tr.step()
		must(t, s, func(r *Batch) { r.ops, r.jobs = b.ops, b.jobs })
	}
	state, wrong := contents(s)
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	killed = imageOf(t, dir)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return killed, imageOf(t, dir), state
}

func tracerOf(seed uint64) *tracer { return &tracer{rng: rand.New(rand.NewPCG(seed, seed))} }

func imageOf(t *testing.T, dir string) faultdisk.Image {
	im := faultdisk.Image{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), reserveSuffix) {
			continue // nobody reads what is in it
		}
		if im[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return im
}

// verdict is what became of a damaged store.
type verdict struct {
	same, reported bool
	err            error
	wrong          []string
}

func openDamaged(t *testing.T, dir string, im faultdisk.Image, want string) verdict {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	im.WriteTo(t, dir)
	s, err := Open(filepath.Join(dir, FileName), Options{Lasting: true, Space: smallDisk})
	if err != nil {
		return verdict{err: err}
	}
	defer s.Close()
	got, wrong := contents(s)
	reports, err := s.Reports()
	if err != nil {
		t.Fatal(err)
	}
	var b Batch // and it works
	b.PutJob(&Job{ID: 1 << 40})
	b.FinishJob(&FinishedJob{ID: 1 << 40})
	if err := s.CommitWait(&b); err != nil {
		t.Fatalf("the store that was opened takes nothing: %v", err)
	}
	for _, r := range reports {
		wrong = append(wrong, r.Lines...)
	}
	return verdict{same: got == want, reported: len(wrong) > 0, wrong: wrong}
}

// Whatever bit of a store's files is turned over, and wherever a file is cut:
// the store opens, and what is missing or different has been reported.
func TestDamageIsNeverSilent(t *testing.T) {
	if underRace {
		t.Skip("opens hundreds of stores, one after another")
	}
	killed, closed, want := aged(t, 60)
	long, _, _ := aged(t, 600)
	rng := rand.New(rand.NewPCG(5, 5))
	root := fastDir(t)
	for name, im := range map[string]faultdisk.Image{"killed": killed, "killed with a long log": long, "closed": closed} {
		for file, data := range im {
			if len(data) == 0 {
				continue
			}
			for _, way := range []string{"flip", "cut"} {
				t.Run(fmt.Sprintf("%s/%s/%s", name, strings.TrimPrefix(file, FileName), way), func(t *testing.T) {
					tried, unharmed, noticed, lossy := 0, 0, 0, 0
					for range damagePlaces() {
						at := rng.IntN(len(data))
						bad := append([]byte(nil), data...)
						what := fmt.Sprintf("cut at %d", at)
						if way == "flip" {
							bit := rng.IntN(8)
							bad[at] ^= 1 << bit
							what = fmt.Sprintf("bit %d of byte %d", bit, at)
						} else {
							bad = bad[:at]
						}
						harmed := faultdisk.Image{}
						for n, b := range im {
							harmed[n] = b
						}
						harmed[file] = bad
						v := openDamaged(t, filepath.Join(root, "x"), harmed, want)
						tried++
						switch {
						case v.err != nil:
							t.Errorf("%s: does not open: %v", what, v.err)
						case v.same && !v.reported:
							unharmed++
						case v.same:
							noticed++
						case v.reported:
							lossy++
						default:
							t.Errorf("%s: is not noticed", what)
						}
					}
					t.Logf("%d places: %d without effect, %d reported with nothing lost, %d reported with a loss", tried, unharmed, noticed, lossy)
				})
			}
		}
	}
}

// Damage that comes while the store is in use is found by a check.
func TestCheckFindsDamage(t *testing.T) {
	path := filepath.Join(fastDir(t), FileName)
	s := open(t, path, Options{Lasting: true, CheckpointPages: 60})
	tr := tracerOf(3)
	for range 200 {
		b := tr.step()
		must(t, s, func(r *Batch) { r.ops, r.jobs = b.ops, b.jobs })
	}
	if wrong, err := s.Check(); err != nil || len(wrong) > 0 {
		t.Fatalf("a sound store: %q %v", wrong, err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	at := int64(0)
	for _, waits := s.guard.pages[uint32(at+1)]; waits; _, waits = s.guard.pages[uint32(at+1)] {
		at++
	}
	page := make([]byte, 4096)
	if _, err := f.ReadAt(page, at*4096); err != nil {
		t.Fatal(err)
	}
	page[200] ^= 1
	if _, err := f.WriteAt(page, at*4096); err != nil {
		t.Fatal(err)
	}
	if wrong, err := s.CheckPages(); err != nil || len(wrong) != 1 || !strings.Contains(wrong[0], "1 pages") {
		t.Errorf("a damaged one: %q %v", wrong, err)
	}
	_ = s.Close()
	_ = f.Close() // not before: that would take SQLite's locks away
}

// What flux-core writes to the file is no damage.
func TestAnotherProgramMayWrite(t *testing.T) {
	path := filepath.Join(fastDir(t), FileName)
	opt := Options{Lasting: true, Space: smallDisk}
	s := open(t, path, opt)
	must(t, s, func(b *Batch) { b.PutCheckpoint([]byte(`{"rootref":"a"}`), true) })
	_ = s.Close()
	c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	data := strings.Repeat("x", 200)
	for i := range 100 {
		d := fmt.Append(nil, i, data)
		if err := exec(c, "INSERT INTO objects (hash,size,object) VALUES (?,-1,?)", raw(d), d); err != nil {
			t.Fatal(err)
		}
	}
	if err := exec(c, "INSERT INTO checkpt_v2 (value) VALUES (?)", `{"rootref":"b"}`); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	for i, want := range []int{1, 0} {
		s = open(t, path, opt)
		f := s.Findings()
		if len(f) != want || want == 1 && !strings.Contains(f[0], "another program") {
			t.Errorf("start %d: %q", i, f)
		}
		if n, err := s.ContentStats(); err != nil || n.Objects != 100 {
			t.Errorf("%d objects, %v", n.Objects, err)
		}
		_ = s.Close()
	}
}
