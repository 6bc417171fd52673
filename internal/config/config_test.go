// SPDX-License-Identifier: LGPL-3.0-or-later

package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.toml", "[x]\na = 1\nb = \"one\"\nwhen = 2026-01-02\n[[l]]\nk = 1.5\n")
	write(t, dir, "b.toml", "[x]\nb = \"two\"\n[x.y]\nc = true\n")
	write(t, dir, "c.txt", "not toml")
	got, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := Table{
		"x": Table{"a": int64(1), "b": "two", "when": "2026-01-02", "y": Table{"c": true}},
		"l": []any{Table{"k": 1.5}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	js := write(t, dir, "d.json", `{"x": {"a": 1, "f": 2.5, "big": 12345678901234567890}, "e": []}`)
	if got, err = Load(js); err != nil {
		t.Fatal(err)
	}
	want = Table{"x": Table{"a": int64(1), "f": 2.5, "big": 12345678901234567890.0}, "e": []any{}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.toml": "[x]\nbad toml\n", "b.json": "{\"x\":\n}", "c.json": "[1]", "d.json": "{} {}",
	} {
		path := write(t, dir, name, text)
		_, err := Load(path)
		if err == nil || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
		if name == "a.toml" && !strings.HasPrefix(err.Error(), path+":2: ") {
			t.Errorf("no line: %v", err)
		}
	}
	if _, err := Load(filepath.Join(dir, "nothing")); err == nil {
		t.Error("a missing file was accepted")
	}
}

func TestUpdate(t *testing.T) {
	file := write(t, t.TempDir(), "f.toml", "from = \"file\"\n")
	conf := Table{"t": Table{"a": int64(1)}}
	for _, v := range []string{
		"t.b=2", "t.c=text", `t.d={"x":[1]}`, `{"t":{"e":true}}`, "[t]\nf = 1.5\n", "\n {\"g\": null}", file, "q=\"5\"",
	} {
		if err := Update(conf, v); err != nil {
			t.Errorf("%q: %v", v, err)
		}
	}
	want := Table{
		"t": Table{
			"a": int64(1), "b": int64(2), "c": "text", "d": Table{"x": []any{int64(1)}}, "e": true, "f": 1.5,
		},
		"g": nil, "from": "file", "q": "5",
	}
	if d := cmp.Diff(want, conf); d != "" {
		t.Error(d)
	}
	for _, bad := range []string{"=1", "{", "nothing", "[t\nx", "t.a.b=1"} {
		if err := Update(conf, bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestSection(t *testing.T) {
	conf := Table{"s": Table{"d": "1.5s", "n": int64(3), "bad": true}, "u": "text"}
	s := Read(conf, "s")
	if d, ok := s.Duration("d"); !ok || d != 1500*time.Millisecond {
		t.Error(d, ok)
	}
	if n, ok := s.Int("n"); !ok || n != 3 {
		t.Error(n, ok)
	}
	if _, ok := s.String("none"); ok || s.Err(false) != nil {
		t.Error(s.Err(false))
	}
	if err := s.Err(true); err == nil || !strings.Contains(err.Error(), "bad") {
		t.Errorf("unknown key: %v", err)
	}
	s = Read(conf, "s")
	s.String("n")
	s.Int("d")
	if err := s.Err(false); err == nil || err.Error() != "Config file error [s]: n: Expected string, got integer" {
		t.Error(err)
	}
	if s := Read(conf, "none"); s.Present() || s.Err(true) != nil {
		t.Error("a table that is not there")
	}
	if s := Read(conf, "u"); s.Err(false) == nil {
		t.Error("text was taken for a table")
	}
}

func FuzzUpdate(f *testing.F) {
	for _, s := range []string{"a=1", "{}", "[a]\nb=1", "a.b.c={\"x\":1}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.ContainsAny(s, "=\n{") { // else it names a file
			_ = Update(Table{}, s)
		}
	})
}
