// SPDX-License-Identifier: LGPL-3.0-or-later

package hostlist

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"goflux/idset"

	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	for _, tc := range []struct{ in, hosts, out string }{
		// RFC 29
		{"", "", ""},
		{"foox,fooy,fooz", "foox,fooy,fooz", "foox,fooy,fooz"},
		{"[1-3,5-6]", "1,2,3,5,6", "[1-3,5-6]"},
		{"foo[1-5]", "foo1,foo2,foo3,foo4,foo5", "foo[1-5]"},
		{"foo[0-2]-eth2", "foo0-eth2,foo1-eth2,foo2-eth2", "foo0-eth2,foo1-eth2,foo2-eth2"},
		{"foo1,foo1,foo1", "foo1,foo1,foo1", "foo[1,1,1]"},
		{"[00-02]", "00,01,02", "[00-02]"},
		{"[00-2]", "00,01,02", "[00-02]"},
		{"foo[1,1,2,1]", "foo1,foo1,foo2,foo1", "foo[1,1-2,1]"},
		{"[005,4,11-13]", "005,004,011,012,013", "[005,004,011-013]"},
		// order, joining, separators
		{"foo[12,4,1-2]", "foo12,foo4,foo1,foo2", "foo[12,4,1-2]"},
		{"fooi,foo1 foo2\tfoo3,,bar,", "fooi,foo1,foo2,foo3,bar", "fooi,foo[1-3],bar"},
		{"foo9,foo10", "foo9,foo10", "foo[9-10]"},
		{"foo09,foo10", "foo09,foo10", "foo[09-10]"},
		{"foo9,foo010", "foo9,foo010", "foo[9,010]"},
		{"foo005,foo4", "foo005,foo4", "foo005,foo4"},
		{"foo099,foo100,foo1000", "foo099,foo100,foo1000", "foo[099-100,1000]"},
		{"foo[099-101]", "foo099,foo100,foo101", "foo[099-101]"},
		// digits around the brackets
		{"f00[7-8,10]", "f007,f008,f0010", "f[007-008,0010]"},
		{"h1[8-11]", "h18,h19,h110,h111", "h[18-19,110-111]"},
		{"foo[1,3]-bar", "foo1-bar,foo3-bar", "foo1-bar,foo3-bar"},
		{"[00-1]p", "00p,01p", "00p,01p"},
		{"a[1-2]x1,a2x2", "a1x1,a2x1,a2x2", "a1x1,a2x[1-2]"},
		{"n99999999999999999[8-11]", "n999999999999999998,n999999999999999999,n9999999999999999910,n9999999999999999911",
			"n[999999999999999998-999999999999999999],n9[999999999999999910-999999999999999911]"},
	} {
		l, err := Parse(tc.in)
		if err != nil {
			t.Errorf("Parse(%q): %v", tc.in, err)
			continue
		}
		if got := strings.Join(l.Hosts(), ","); got != tc.hosts {
			t.Errorf("Parse(%q) is %s, want %s", tc.in, got, tc.hosts)
		}
		if got := l.String(); got != tc.out {
			t.Errorf("Parse(%q).String() = %q, want %q", tc.in, got, tc.out)
		}
		if n := strings.Count(tc.hosts, ",") + 1; tc.hosts != "" && l.Len() != n {
			t.Errorf("Parse(%q).Len() = %d, want %d", tc.in, l.Len(), n)
		}
	}
}

func TestParseErrors(t *testing.T) {
	long := strings.Repeat("x", MaxNameLen)
	for _, tc := range []struct {
		in     string
		offset int
		reason string
	}{
		{"[]", 1, "missing"},
		{"foo[]", 4, "missing"},
		{"foo[", 3, "never closed"},
		{"bar,foo[1,3", 7, "never closed"},
		{"foo[[1,3]", 4, "want a number"},
		{"foo[1]]", 6, "']' without '['"},
		{"foo]", 3, "']' without '['"},
		{"foo[x-y]", 4, "want a number"},
		{"foo[0-1,2--5]", 10, "want a number"},
		{"foo[1-]", 6, "missing"},
		{"foo[1,]", 6, "missing"},
		{"foo[1;2]", 5, "want ',' or ']'"},
		{"foo[5-3]", 4, "does not ascend"},
		{"foo[1][2]", 6, "second '['"},
		{"foo\x01", 3, "printable"},
		{"h[0-4294967295]", 2, "maximum of 1048576 hosts"},
		{"h[0-1048576]", 2, "maximum of 1048576 hosts"},
		{"h[0-1048575],h1", 13, "maximum of 1048576 hosts"},
		{"h[0-65536]a1", 2, "maximum of 65536 hosts"},
		{"h[0000000000000000001]", 2, "19 digits"},
		{long + "x", 0, "256 bytes"},
		{long + "[1]", 256, "256 bytes"},
	} {
		_, err := Parse(tc.in)
		var pe *ParseError
		if !errors.As(err, &pe) {
			t.Errorf("Parse(%.40q): error %v, want a ParseError", tc.in, err)
			continue
		}
		if pe.Offset != tc.offset || !strings.Contains(pe.Reason, tc.reason) {
			t.Errorf("Parse(%.40q): %d: %s; want %d: %s", tc.in, pe.Offset, pe.Reason, tc.offset, tc.reason)
		}
	}
	if l, err := Parse("h[0-1048575]"); err != nil || l.Len() != MaxHosts || len(l.runs) != 1 {
		t.Errorf("the largest range: %v", err)
	}
}

func TestNew(t *testing.T) {
	l, err := New("foo1", "foo2", "bar")
	if err != nil || l.String() != "foo[1-2],bar" {
		t.Errorf("got %s, %v", l, err)
	}
	for _, bad := range []string{"", "a,b", "a[1]", "a b", strings.Repeat("x", 256), "é"} {
		if _, err := New(bad); err == nil {
			t.Errorf("New(%q) was accepted", bad)
		}
	}
}

func TestIndex(t *testing.T) {
	for _, tc := range []struct {
		list, host string
		want       int
	}{
		{"tst0", "tst", -1},
		{"tst0,tst", "tst", 1},
		{"tst", "tst0", -1},
		{"foo[1-5]-eth0", "foo3-eth0", 2},
		{"foo[1-5]", "foo3-eth0", -1},
		{"[0-5]", "3", 3},
		{"[0-5]i", "0", -1},
		{"i[0-5]", "i00", -1},
		{"i[00-05]", "i04", 4},
		{"i[00-05]", "i4", -1},
		{"f00[7-8,10]", "f0010", 2},
		{"a,foo[08-11]", "foo10", 3},
		{"foo[1-2,2]", "foo2", 1},
	} {
		if got := MustParse(tc.list).Index(tc.host); got != tc.want {
			t.Errorf("%s: Index(%s) = %d, want %d", tc.list, tc.host, got, tc.want)
		}
	}
}

func TestDelete(t *testing.T) {
	for _, tc := range []struct {
		list, del string
		n         int
		want      string
	}{
		{"foo[2-5]", "foo6", 0, "foo[2-5]"},
		{"foo[2-5],fooi", "foo3", 1, "foo[2,4-5],fooi"},
		{"foo[2-5],fooi", "foo[1-2]", 1, "foo[3-5],fooi"},
		{"foo[0-7]", "foo[1,0,2-7]", 8, ""},
		{"foo[1,1,1]", "foo[1,1]", 2, "foo1"},
		{"foo[2-4]-eth2", "foo3-eth2", 1, "foo2-eth2,foo4-eth2"},
	} {
		l := MustParse(tc.list)
		n, err := l.Delete(tc.del)
		if err != nil || n != tc.n || l.String() != tc.want {
			t.Errorf("%s minus %s: %s, %d, %v; want %s, %d", tc.list, tc.del, l, n, err, tc.want, tc.n)
		}
	}
}

func TestSetOperations(t *testing.T) {
	a, b := MustParse("foo[3,1-2,2],bar"), MustParse("foo[2-4],baz")
	for _, tc := range []struct {
		name string
		got  *List
		want string
	}{
		{"union", a.Union(b), "bar,baz,foo[1-4]"},
		{"intersect", a.Intersect(b), "foo[2-3]"},
		{"subtract", a.Subtract(b), "foo1,bar"},
		{"xor", a.Xor(b), "bar,baz,foo[1,4]"},
		{"a", a, "foo[3,1-2,2],bar"},
	} {
		if tc.got.String() != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, tc.got, tc.want)
		}
	}
}

func TestSort(t *testing.T) {
	l := MustParse("foo10,foo9,foo,foo09,foo1-b,foo10-b,foo9-b,bar2,foo010,foo9")
	l.Sort()
	want := "bar2,foo,foo9,foo9,foo09,foo10,foo010,foo1-b,foo10-b,foo9-b"
	if got := strings.Join(l.Hosts(), ","); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSubset(t *testing.T) {
	l := MustParse("foo[1-4],bar,foo[6-9]")
	got, err := l.Subset(idset.MustParse("0,2-4,6-7"))
	if err != nil || got.String() != "foo[1,3-4],bar,foo[7-8]" {
		t.Errorf("got %s, %v", got, err)
	}
	if _, err := l.Subset(idset.MustParse("9")); err == nil {
		t.Error("index 9 of 9 hosts was accepted")
	}
	if at, err := l.Find("bar,foo[8,1]"); err != nil || !slices.Equal(at, []int{4, 7, 0}) {
		t.Errorf("Find: %v, %v", at, err)
	}
	if _, err := l.Find("foo[1-5]"); err == nil || !strings.Contains(err.Error(), `"foo5"`) {
		t.Errorf("Find of a host that is not there: %v", err)
	}
}

func TestNilReadsAsEmpty(t *testing.T) {
	var l *List
	_, ok := l.At(0)
	if ok || l.Len() != 0 || !l.Empty() || l.String() != "" || l.Contains("x") || l.Clone() == nil ||
		!l.Equal(&List{}) || !l.Subtract(l).Empty() || len(l.Hosts()) != 0 {
		t.Error("nil list is not empty")
	}
}

func TestJSON(t *testing.T) {
	in := `{"nodelist":"foo[0-3],\"x\u005c&<"}`
	var d struct {
		Nodelist *List `json:"nodelist"`
	}
	if err := json.Unmarshal([]byte(in), &d); err != nil {
		t.Fatal(err)
	}
	if got := d.Nodelist.String(); got != `foo[0-3],"x\&<` {
		t.Fatalf("got %s", got)
	}
	out, err := json.Marshal(d)
	if err != nil || json.Unmarshal(out, &d) != nil || d.Nodelist.Len() != 5 {
		t.Errorf("round trip by %s: %v", out, err)
	}
	if json.Unmarshal([]byte(`{"nodelist":"foo["}`), &d) == nil {
		t.Error("a malformed list was accepted")
	}
}

func genHosts(t *rapid.T, label string) []string {
	return rapid.SliceOf(rapid.Custom(func(t *rapid.T) string {
		name := rapid.SampledFrom([]string{"a", "b", "", "a1b", "c12345678901234567"}).Draw(t, "stem")
		number := rapid.IntRange(0, 120).Draw(t, "number")
		width := rapid.SampledFrom([]int{0, 0, 0, 2, 3}).Draw(t, "width")
		name += fmt.Sprintf("%0*d", width, number)
		return name + rapid.SampledFrom([]string{"", "", "", "-x"}).Draw(t, "suffix")
	})).Draw(t, label)
}

func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hosts := genHosts(t, "hosts")
		l, err := New(hosts...)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(l.Hosts(), hosts) || l.Len() != len(hosts) {
			t.Fatalf("%v became %v", hosts, l.Hosts())
		}
		back, err := Parse(l.String())
		if err != nil || !back.Equal(l) {
			t.Fatalf("%s reads back as %s, %v", l, back, err)
		}
		for i, h := range hosts {
			if at, ok := l.At(i); !ok || at != h {
				t.Fatalf("At(%d) = %q, want %q", i, at, h)
			}
			if at := l.Index(h); at != slices.Index(hosts, h) {
				t.Fatalf("Index(%s) = %d in %v", h, at, hosts)
			}
		}
		from := rapid.IntRange(0, len(hosts)).Draw(t, "from")
		to := rapid.IntRange(from, len(hosts)).Draw(t, "to")
		part := l.Slice(from, to)
		if want, _ := New(hosts[from:to]...); !part.Equal(want) {
			t.Fatalf("Slice(%d,%d) of %s is %s", from, to, l, part)
		}
		part.AppendList(l.Slice(to, len(hosts)))
		if want, _ := New(hosts[from:]...); !part.Equal(want) {
			t.Fatalf("slices of %s rejoined: %s", l, part)
		}
		uniq := l.Clone()
		uniq.Uniq()
		if set := uniqueOf(hosts); uniq.Len() != len(set) || !uniq.Equal(l.Union(uniq)) {
			t.Fatalf("Uniq of %s is %s", l, uniq)
		}
		l.Sort()
		got := l.Hosts()
		slices.Sort(got)
		slices.Sort(hosts)
		if !slices.Equal(got, hosts) {
			t.Fatalf("Sort changed the hosts: %v, %v", got, hosts)
		}
	})
}

func uniqueOf(hosts []string) map[string]bool {
	set := map[string]bool{}
	for _, h := range hosts {
		set[h] = true
	}
	return set
}

func TestSetsAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ha, hb := genHosts(t, "a"), genHosts(t, "b")
		a, _ := New(ha...)
		b, _ := New(hb...)
		sa, sb := uniqueOf(ha), uniqueOf(hb)
		var both, xor []string
		for h := range uniqueOf(append(slices.Clone(ha), hb...)) {
			if sa[h] && sb[h] {
				both = append(both, h)
			} else {
				xor = append(xor, h)
			}
		}
		for _, tc := range []struct {
			name string
			got  *List
			want []string
		}{{"intersect", a.Intersect(b), both}, {"xor", a.Xor(b), xor}} {
			want, _ := New(tc.want...)
			want.Sort()
			if !tc.got.Equal(want) {
				t.Fatalf("%s of %s and %s: %s, want %s", tc.name, a, b, tc.got, want)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "foo[1-3,5],bar", "f00[7-11]x", "[00-2]-9", "a[1][2]", "a[", "h[0-999999999]", "x 99"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		l, err := Parse(in)
		if err != nil {
			var pe *ParseError
			if !errors.As(err, &pe) || pe.Offset < 0 || pe.Offset > len(in) {
				t.Fatalf("Parse(%q): bad error %v", in, err)
			}
			return
		}
		if l.Len() > 10000 {
			return
		}
		hosts := l.Hosts()
		again, err := New(hosts...)
		if err != nil || !again.Equal(l) {
			t.Fatalf("%q: hosts %v make %s, not %s (%v)", in, hosts, again, l, err)
		}
		back, err := Parse(l.String())
		if err != nil || !back.Equal(l) {
			t.Fatalf("%q: %q reads back as %v, %v", in, l, back, err)
		}
	})
}
