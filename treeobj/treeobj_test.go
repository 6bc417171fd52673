// SPDX-License-Identifier: LGPL-3.0-or-later

package treeobj

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func TestBlobref(t *testing.T) {
	dir := NewDir()
	dir.Set("d", Val{Data: []byte(`{"x":[1,2]}`)})
	dir.Set("c", Val{Data: []byte("two")})
	for _, tc := range []struct {
		hash Hash
		data []byte
		want string
	}{
		// recorded from flux-core
		{SHA1, Encode(NewDir()), "sha1-c0a9faf907dda6216fd73bf81d0b3b21a1a8cb91"},
		{SHA1, Encode(dir), "sha1-b17429adddd2619f5e0741ca1a828e6a7dc8a2a6"},
		{SHA1, nil, "sha1-da39a3ee5e6b4b0d3255bfef95601890afd80709"},
		{SHA1, []byte("hi\n"), "sha1-55ca6286e3e4f4fba5d0448333fa99fc5a404a73"},
		// FIPS 180-4
		{SHA256, []byte("abc"), "sha256-ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	} {
		got := Blobref(tc.hash, tc.data)
		if got != tc.want {
			t.Errorf("Blobref(%s, %q) = %s, want %s", tc.hash, tc.data, got, tc.want)
		}
		hash, digest, err := ParseBlobref(got)
		if err != nil || hash != tc.hash || !bytes.Equal(digest, tc.hash.Digest(tc.data)) {
			t.Errorf("ParseBlobref(%s) = %s, %x, %v", got, hash, digest, err)
		}
		if back, err := BlobrefOf(hash, digest); err != nil || back != got {
			t.Errorf("BlobrefOf = %s, %v", back, err)
		}
	}
}

func TestBadBlobrefs(t *testing.T) {
	good := "sha1-c0a9faf907dda6216fd73bf81d0b3b21a1a8cb91"
	for _, bad := range []string{"", "sha1", "sha1-", "md5-00", strings.ToUpper(good), strings.Replace(good, "c0", "C0", 1),
		good + "0", good[:44], strings.Replace(good, "sha1", "sha256", 1), strings.Replace(good, "91", "9g", 1), good[5:]} {
		if err := CheckBlobref(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	if _, err := ParseHash("md5"); err == nil {
		t.Error("md5 was accepted")
	}
	if _, err := BlobrefOf(SHA1, make([]byte, 19)); err == nil {
		t.Error("a short digest was accepted")
	}
}

const (
	refA = "sha1-c0a9faf907dda6216fd73bf81d0b3b21a1a8cb91"
	refB = "sha256-ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
)

func TestDecode(t *testing.T) {
	for in, want := range map[string]string{
		// RFC 11
		`{ "ver":1, "type":"valref", "data":["` + refA + `","` + refB + `"] }`:                                      `{"data":["` + refA + `","` + refB + `"],"type":"valref","ver":1}`,
		`{"ver":1,"type":"val","data":"NDIyCg=="}`:                                                                  `{"data":"NDIyCg==","type":"val","ver":1}`,
		`{"ver":1,"type":"dirref","data":["` + refA + `"]}`:                                                         `{"data":["` + refA + `"],"type":"dirref","ver":1}`,
		`{"ver":1,"type":"symlink","data":{"target":"a.a"}}`:                                                        `{"data":{"target":"a.a"},"type":"symlink","ver":1}`,
		`{"ver":1,"type":"symlink","data":{"target":"b.b","namespace":"a"}}`:                                        `{"data":{"namespace":"a","target":"b.b"},"type":"symlink","ver":1}`,
		`{"ver":1,"type":"dir","data":{"b":{"ver":1,"type":"val","data":""},"a":{"data":{},"ver":1,"type":"dir"}}}`: `{"data":{"a":{"data":{},"type":"dir","ver":1},"b":{"data":"","type":"val","ver":1}},"type":"dir","ver":1}`,
		// a name may look like a key of a symlink
		`{"ver":1,"type":"dir","data":{"target":{"ver":1,"type":"val","data":""}}}`: `{"data":{"target":{"data":"","type":"val","ver":1}},"type":"dir","ver":1}`,
		// names that need escapes, and some that do not
		`{"data":{"\"\\\/\b\f\n\r\t\u001b\u007fé\u2028<":{"data":"","type":"val","ver":1}},"type":"dir","ver":1}`: "{\"data\":{\"\\\"\\\\/\\b\\f\\n\\r\\t\\u001B\x7fé\u2028<\":{\"data\":\"\",\"type\":\"val\",\"ver\":1}},\"type\":\"dir\",\"ver\":1}",
	} {
		o, err := Decode([]byte(in))
		if err != nil {
			t.Errorf("Decode(%s): %v", in, err)
			continue
		}
		if got := string(Encode(o)); got != want {
			t.Errorf("Decode(%s)\nis encoded %s\nwant       %s", in, got, want)
		}
		if err := Validate(o); err != nil {
			t.Error(err)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	deep := strings.Repeat(`{"ver":1,"type":"dir","data":{"a":`, MaxDepth+2)
	for _, tc := range []struct{ in, path, reason string }{
		{``, "", "EOF"},
		{`null`, "", "want {"},
		{`{}`, "", `"ver" is missing`},
		{`{"ver":1,"data":""}`, "", `"type" is missing`},
		{`{"ver":1,"type":"val"}`, "", `"data" is missing`},
		{`{"ver":2,"type":"val","data":""}`, "/ver", "version 2"},
		{`{"ver":"1","type":"val","data":""}`, "/ver", "want number"},
		{`{"ver":1,"type":"val","data":"","x":0}`, "/x", `unknown key "x"`},
		{`{"ver":1,"type":"val","type":"val","data":""}`, "/type", "duplicate"},
		{`{"ver":1,"type":"foo","data":""}`, "", `unknown type "foo"`},
		{`{"ver":1,"type":"hdir","data":{}}`, "", "not implemented"},
		{`{"ver":1,"type":"val","data":7}`, "/data", "neither"},
		{`{"ver":1,"type":"val","data":[]}`, "", "must begin"},
		{`{"ver":1,"type":"val","data":"x"}`, "", "base64"},
		{`{"ver":1,"type":"dir","data":"x"}`, "", "must begin"},
		{`{"ver":1,"type":"valref","data":[]}`, "", "at least one"},
		{`{"ver":1,"type":"valref","data":["` + refA + `","sha1-0"]}`, "/data/1", "want 40"},
		{`{"ver":1,"type":"dirref","data":[7]}`, "/data/0", "want string"},
		{`{"ver":1,"type":"symlink","data":{}}`, "", "target"},
		{`{"ver":1,"type":"symlink","data":{"target":"a","x":"b"}}`, "/data/x", "want an object"},
		{`{"ver":1,"type":"symlink","data":{"target":"a","x":{"ver":1,"type":"val","data":""}}}`, "", "only"},
		{`{"ver":1,"type":"dir","data":{"target":"a"}}`, "", "is a string"},
		{`{"ver":1,"type":"dir","data":{"a":{"ver":1,"type":"val","data":"?"}}}`, "/data/a", "base64"},
		{`{"ver":1,"type":"val","data":""} x`, "", "invalid character"},
		{`{"ver":1,"type":"val","data":""}{}`, "", "more than one"},
		{deep, strings.Repeat("/data/a", MaxDepth+1), "deep"},
	} {
		o, err := Decode([]byte(tc.in))
		var pe *ParseError
		if !errors.As(err, &pe) {
			t.Errorf("Decode(%.80s) = %v, %v; want a ParseError", tc.in, o, err)
			continue
		}
		if pe.Path != tc.path || !strings.Contains(pe.Reason, tc.reason) {
			t.Errorf("Decode(%.80s): %v; want %.80q: %s", tc.in, err, tc.path, tc.reason)
		}
	}
}

func TestValidate(t *testing.T) {
	bad := NewDir()
	bad.Set("x", nil)
	for _, o := range []Object{nil, Valref{}, Dirref{Refs: []string{"x"}}, Symlink{}, bad} {
		if err := Validate(o); err == nil {
			t.Errorf("%#v was accepted", o)
		}
	}
}

func TestJSON(t *testing.T) {
	type op struct {
		Key    string `json:"key"`
		Dirent JSON   `json:"dirent"`
	}
	in := `[{"key":"a","dirent":{"data":"MQ==","type":"val","ver":1}},{"key":"b","dirent":null}]`
	var ops []op
	if err := json.Unmarshal([]byte(in), &ops); err != nil {
		t.Fatal(err)
	}
	if v, ok := ops[0].Dirent.Object.(Val); !ok || string(v.Data) != "1" || ops[1].Dirent.Object != nil {
		t.Errorf("got %v", ops)
	}
	if out, err := json.Marshal(ops); err != nil || string(out) != in {
		t.Errorf("got %s, %v, want %s", out, err, in)
	}
}

// Directories and their clones change independently.
func TestDirAgainstModel(t *testing.T) {
	type pair struct {
		dir   *Dir
		model map[string]string
	}
	rapid.Check(t, func(t *rapid.T) {
		all := []pair{{NewDir(), map[string]string{}}}
		for i := range rapid.IntRange(0, 300).Draw(t, "steps") {
			p := all[rapid.IntRange(0, len(all)-1).Draw(t, "which")]
			name := fmt.Sprint(rapid.IntRange(0, 100).Draw(t, "name"))
			switch rapid.SampledFrom([]string{"set", "set", "set", "delete", "clone"}).Draw(t, "op") {
			case "set":
				value := fmt.Sprint(i)
				p.dir.Set(name, Val{Data: []byte(value)})
				p.model[name] = value
			case "delete":
				_, had := p.model[name]
				if p.dir.Delete(name) != had {
					t.Fatalf("Delete(%s): %v", name, !had)
				}
				delete(p.model, name)
			case "clone":
				all = append(all, pair{p.dir.Clone(), maps.Clone(p.model)})
			}
		}
		for _, p := range all {
			var names []string
			for name, o := range p.dir.All() {
				names = append(names, name)
				if got := string(o.(Val).Data); got != p.model[name] {
					t.Fatalf("%s is %s, want %s", name, got, p.model[name])
				}
			}
			if !slices.Equal(names, slices.Sorted(maps.Keys(p.model))) || p.dir.Len() != len(names) {
				t.Fatalf("names %v, want those of %v", names, p.model)
			}
		}
	})
}

func TestConcurrentClones(t *testing.T) {
	d := NewDir()
	for i := range 1000 {
		d.Set(fmt.Sprint(i), Symlink{Target: "x"})
	}
	want := Encode(d)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 100 {
				c := d.Clone()
				c.Set(fmt.Sprint(i), Val{})
				c.Delete(fmt.Sprint(2 * i))
				if _, ok := d.Get(fmt.Sprint(i)); !ok {
					t.Error("the original changed")
				}
			}
		})
	}
	wg.Wait()
	if !bytes.Equal(Encode(d), want) {
		t.Error("the original changed")
	}
}

func TestNilDirReadsAsEmpty(t *testing.T) {
	var d *Dir
	if _, ok := d.Get("a"); ok || d.Len() != 0 || d.Clone().Len() != 0 {
		t.Error("nil directory is not empty")
	}
}

func genObject(t *rapid.T, depth int) Object {
	ref := rapid.Custom(func(t *rapid.T) string {
		return Blobref(rapid.SampledFrom([]Hash{SHA1, SHA256}).Draw(t, "hash"), rapid.SliceOf(rapid.Byte()).Draw(t, "blob"))
	})
	kinds := []Kind{KindVal, KindValref, KindDirref, KindSymlink}
	if depth > 0 {
		kinds = append(kinds, KindDir)
	}
	switch rapid.SampledFrom(kinds).Draw(t, "kind") {
	case KindVal:
		return Val{Data: rapid.SliceOf(rapid.Byte()).Draw(t, "data")}
	case KindValref:
		return Valref{Refs: rapid.SliceOfN(ref, 1, 3).Draw(t, "refs")}
	case KindDirref:
		return Dirref{Refs: rapid.SliceOfN(ref, 1, 1).Draw(t, "refs")}
	case KindSymlink:
		return Symlink{Namespace: rapid.String().Draw(t, "ns"), Target: rapid.StringN(1, -1, -1).Draw(t, "target")}
	}
	d := NewDir()
	for _, name := range rapid.SliceOf(rapid.String()).Draw(t, "names") {
		d.Set(name, genObject(t, depth-1))
	}
	return d
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := Encode(genObject(t, 2))
		o, err := Decode(text)
		if err != nil || !bytes.Equal(Encode(o), text) {
			t.Fatalf("%s becomes %v, %v", text, o, err)
		}
		// The canonical form is plain JSON with sorted keys.
		var plain any
		if err := json.Unmarshal(text, &plain); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(plain)
		if err != nil {
			t.Fatal(err)
		}
		if o, err = Decode(again); err != nil || !bytes.Equal(Encode(o), text) {
			t.Fatalf("%s becomes %v, %v", again, o, err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"data":{"a":{"data":"MQ==","type":"val","ver":1},"l":{"data":{"target":"a"},"type":"symlink","ver":1}},"type":"dir","ver":1}`))
	f.Add([]byte(`{"ver":1,"type":"valref","data":["` + refA + `","` + refB + `"]}`))
	f.Add([]byte(`{"ver":1,"type":"symlink","data":{"target":"b.b","namespace":"a"}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		o, err := Decode(in)
		if err != nil {
			var pe *ParseError
			if !errors.As(err, &pe) || pe.Offset < 0 || pe.Offset > len(in) {
				t.Fatalf("Decode(%q): bad error %v", in, err)
			}
			return
		}
		if err := Validate(o); err != nil {
			t.Fatal(err)
		}
		text := Encode(o)
		back, err := Decode(text)
		if err != nil || !bytes.Equal(Encode(back), text) {
			t.Fatalf("%s becomes %v, %v", text, back, err)
		}
	})
}

func bigDir(n int) *Dir {
	d := NewDir()
	for i := range n {
		d.Set(fmt.Sprintf("job%d", i), Dirref{Refs: []string{refA}})
	}
	return d
}

func BenchmarkCloneAndSet(b *testing.B) {
	d := bigDir(100000)
	for b.Loop() {
		d = d.Clone()
		d.Set("job500", Val{})
	}
}

func BenchmarkDecode(b *testing.B) {
	text := Encode(bigDir(1000))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Decode(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	d := bigDir(1000)
	b.SetBytes(int64(len(Encode(d))))
	for b.Loop() {
		Encode(d)
	}
}
