// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// image is what a crash leaves of the files, and how many batches had been
// answered before.
type image struct {
	point    string
	answered int
	files    map[string][]byte
}

func shoot(point, path string, answered int) image {
	im := image{point, answered, map[string][]byte{}}
	for _, suffix := range []string{"", "-wal"} {
		if b, err := os.ReadFile(path + suffix); err == nil {
			im.files[suffix] = b
		}
	}
	return im
}

// state is everything in a store, as text. What cannot be read fails the test.
func state(t testing.TB, s *Store) string {
	t.Helper()
	text, wrong := contents(s)
	for _, w := range wrong {
		t.Error(w)
	}
	return text
}

// contents is everything that can be read of a store, as text, and what cannot.
func contents(s *Store) (text string, wrong []string) {
	var b strings.Builder
	check := func(err error) bool {
		if err != nil {
			wrong = append(wrong, err.Error())
		}
		return err == nil
	}
	rec, err := s.Recover()
	if !check(err) {
		return "", wrong
	}
	for _, d := range rec.Damaged {
		wrong = append(wrong, d.String())
	}
	streams := func(id uint64) {
		all, err := s.keptStreams(id)
		check(err)
		for _, n := range slices.Sorted(maps.Keys(all)) {
			fmt.Fprintf(&b, " %s=%s", n, all[n])
		}
	}
	for _, j := range rec.Jobs {
		fmt.Fprintf(&b, "active %d uid %d %s R=%s", j.ID, j.UserID, j.Events, j.Fields["R"])
		streams(j.ID)
		b.WriteString("\n")
	}
	check(s.FinishedJobs(JobQuery{}, func(f *FinishedJob) bool {
		full, err := s.FinishedJob(f.ID)
		if !check(err) {
			return true
		}
		fmt.Fprintf(&b, "finished %d %d %s", f.ID, f.Result, full.Records["eventlog"])
		streams(f.ID)
		b.WriteString("\n")
		return true
	}))
	tallies, err := s.Tallies()
	check(err)
	meta, err := s.Meta()
	check(err)
	maps.DeleteFunc(meta, func(k string, _ []byte) bool { return strings.HasPrefix(k, reportPrefix) })
	cps, err := s.Checkpoints()
	check(err)
	fmt.Fprintf(&b, "%v %q", tallies, slices.Sorted(maps.Values(stringValues(meta))))
	for _, cp := range cps {
		fmt.Fprintf(&b, " %d:%s", cp.ID, cp.Value)
	}
	streams(0)
	check(s.reader("", func(c *conn) error {
		return query(c, "SELECT hash FROM objects ORDER BY hash", func(st *stmt) bool {
			hash := string(columnBytes(st, 0))
			data, err := s.Load(hash)
			if check(err) && raw(data) != hash {
				wrong = append(wrong, fmt.Sprintf("object %x: other data", hash))
			}
			fmt.Fprintf(&b, " %x", hash[:min(len(hash), 4)])
			return true
		})
	}))
	return b.String(), wrong
}

func stringValues(m map[string][]byte) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		out[k] = k + ":" + string(v)
	}
	return out
}

// script fills batch n; the same n always does the same.
func script(n int, b *Batch) {
	id := uint64(n/4 + 1)
	switch n % 4 {
	case 0:
		b.PutJob(&Job{ID: id, UserID: uint32(n), Fields: map[string][]byte{"jobspec": bytes.Repeat([]byte("j"), 50)}})
		b.SetMeta("max_jobid", []byte(fmt.Sprint(id)))
		b.AppendStream(0, "resource.eventlog", []byte(fmt.Sprintf("r%d\n", n)))
	case 1:
		b.AppendEvents(id, []byte(fmt.Sprintf("e%d\n", n)))
		b.SetField(id, "R", []byte(fmt.Sprint(n)))
		b.PutCheckpoint([]byte(fmt.Sprint(n)), n%8 == 1)
	case 2:
		b.AppendStream(id, "output", bytes.Repeat([]byte{byte('a' + n%26)}, n*101%9000))
		b.PutObject(raw([]byte{byte(n)}), []byte{byte(n)})
	case 3:
		if id%3 != 0 {
			b.FinishJob(&FinishedJob{ID: id, Result: 1, TInactive: float64(n), Records: map[string][]byte{"eventlog": []byte(fmt.Sprintf("log of %d", id))}})
		}
		if id > 5 {
			b.PurgeJobs(id - 5)
		}
	}
}

const scriptLength = 48

// Whatever the moment of a crash, what is found afterwards is what the batches
// up to some point made, none of those answered missing.
func TestCrash(t *testing.T) {
	path := tempPath(t)
	answered := 0
	var images []image
	s := open(t, path, Options{Lasting: true, Hook: func(p string) error {
		images = append(images, shoot(p, path, answered))
		return nil
	}})
	states := []string{}
	reference := filepath.Join(t.TempDir(), "reference")
	for n := range scriptLength {
		ref := open(t, reference, Options{})
		states = append(states, state(t, ref))
		must(t, ref, func(b *Batch) { script(n, b) })
		_ = ref.Close()
		must(t, s, func(b *Batch) { script(n, b) })
		answered++
	}
	ref := open(t, reference, Options{})
	states = append(states, state(t, ref))
	images = append(images, shoot("end", path, answered))
	dir := t.TempDir()
	for i, im := range images {
		revive(t, filepath.Join(dir, fmt.Sprint(i)), im, states)
	}
}

// A write-ahead log cut anywhere, as by a crash that lost what had not been
// synchronized, or damaged at its end, leaves a prefix of the batches.
func TestTornLog(t *testing.T) {
	path := tempPath(t)
	s := open(t, path, Options{})
	var states []string
	reference := filepath.Join(t.TempDir(), "reference")
	for n := range scriptLength {
		ref := open(t, reference, Options{})
		states = append(states, state(t, ref))
		must(t, ref, func(b *Batch) { script(n, b) })
		_ = ref.Close()
		must(t, s, func(b *Batch) { script(n, b) })
	}
	ref := open(t, reference, Options{})
	states = append(states, state(t, ref))
	whole := shoot("end", path, 0)
	dir := t.TempDir()
	made := len(whole.files["-wal"])
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		wal := bytes.Clone(whole.files["-wal"][:rapid.IntRange(0, made).Draw(rt, "length")])
		if len(wal) > 100 && rapid.Bool().Draw(rt, "damage") {
			wal[len(wal)-1-rapid.IntRange(0, 50).Draw(rt, "where")] ^= 0x40
		}
		files := maps.Clone(whole.files)
		files["-wal"] = wal
		revive(t, filepath.Join(dir, fmt.Sprint(n)), image{files: files}, states)
	})
}

// revive opens an image and checks that it holds a prefix of the batches, with
// all that had been answered.
func revive(t *testing.T, path string, im image, states []string) {
	t.Helper()
	for suffix, b := range im.files {
		if err := os.WriteFile(path+suffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatalf("crash at %s: %v", im.point, err)
	}
	got := state(t, s)
	_ = s.Close()
	if !slices.Contains(states[im.answered:], got) {
		t.Fatalf("crash at %s after %d answers left the state of batch %d:\n%s",
			im.point, im.answered, slices.Index(states, got), got)
	}
}

func FuzzDecodeRow(f *testing.F) {
	f.Add(encodeRow(7, []record{{recordJob, 5, encodeJob(&Job{ID: 5, Fields: map[string][]byte{"a": []byte("b")}})}, {recordDone, 5, nil}}))
	f.Add(encodeRow(7, []record{{recordStream, 0, encodeStream("x", 7, []byte("data"))}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = decodeRow(7, b, func(r record, err error) {
			if err != nil {
				return
			}
			switch r.kind {
			case recordJob:
				_, _ = decodeJob(r.id, r.data)
			case recordStream:
				_, _, _, _ = decodeStream(r.data)
			}
		})
		_, _ = unpack(7, b)
		_, _, _ = decodeRecords(b)
	})
}

func TestRowRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var recs []record
		for range rapid.IntRange(0, 9).Draw(t, "n") {
			recs = append(recs, record{recordKind(rapid.Byte().Draw(t, "kind")), rapid.Uint64().Draw(t, "id"), rapid.SliceOf(rapid.Byte()).Draw(t, "data")})
		}
		row := encodeRow(7, recs)
		i := 0
		err := decodeRow(7, row, func(r record, err error) {
			if err != nil || r.kind != recs[i].kind || r.id != recs[i].id || !bytes.Equal(r.data, recs[i].data) {
				t.Fatalf("record %d: %v %v", i, r, err)
			}
			i++
		})
		if err != nil || i != len(recs) {
			t.Fatalf("%d of %d records, %v", i, len(recs), err)
		}
		if len(row) > 0 { // one wrong bit is always noticed
			bad := bytes.Clone(row)
			bad[rapid.IntRange(0, len(bad)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			noticed := false
			if decodeRow(7, bad, func(_ record, err error) { noticed = noticed || err != nil }) == nil && !noticed {
				t.Fatal("damage went unnoticed")
			}
		}
	})
}
