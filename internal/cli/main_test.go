// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/quick"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"flux": func() { os.Exit(Main(os.Args[1:])) },
	})
}

// TestScripts runs the command lines that need no instance.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("FLUX_URI", "local://"+filepath.Join(e.WorkDir, "nosuch"))
			return nil
		},
	})
}

// TestTable holds every row to what the help promises.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range commandTable() {
		if seen[c.name] {
			t.Errorf("%s: two rows", c.name)
		}
		seen[c.name] = true
		if c.new == nil {
			continue
		}
		a := newApp()
		a.name, a.style = c.name, c.style
		cmd := c.new(a)
		if cmd.Name() != c.name {
			t.Errorf("row %s makes command %s", c.name, cmd.Name())
		}
		if c.short == "" || cmd.Short == "" {
			t.Errorf("%s: no description", c.name)
		}
	}
}

func TestSimilar(t *testing.T) {
	names := []string{"beef", "dmesg", "job", "mee", "module", "resource", "top"}
	for word, want := range map[string]string{
		"dmsg":         "dmesg",
		"modole":       "module",
		"resourcce":    "resource",
		"mom":          "job mee top",
		"bee":          "beef",
		"resouurrccee": "",
		"nosuchcmd":    "",
	} {
		if got := strings.Join(similar(word, names), " "); got != want {
			t.Errorf("similar(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestEditDistanceIsAMetric(t *testing.T) {
	clip := func(s string) string { return s[:min(len(s), 12)] }
	err := quick.Check(func(a, b, c string) bool {
		a, b, c = clip(a), clip(b), clip(c)
		return editDistance(a, a) == 0 && editDistance(a, b) == editDistance(b, a) &&
			editDistance(a, c) <= editDistance(a, b)+editDistance(b, c)
	}, nil)
	if err != nil {
		t.Error(err)
	}
}

func TestSearchPath(t *testing.T) {
	ours, theirs := t.TempDir(), t.TempDir()
	for i, dir := range []string{ours, theirs} {
		if err := os.WriteFile(filepath.Join(dir, "flux"), []byte(fmt.Sprint(i)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range [][2]string{
		{"/foo:/bar", "/foo:/bar:" + ours},
		{"", ours},
		{"/foo:" + theirs, "/foo:" + ours + ":" + theirs},
		{"/foo:" + ours + ":" + theirs, "/foo:" + ours + ":" + theirs},
	} {
		if got := searchPath(ours, c[0]); got != c[1] {
			t.Errorf("searchPath(%q) = %q, want %q", c[0], got, c[1])
		}
	}
}

func TestCommandEnvironment(t *testing.T) {
	in := installPaths{bin: "/p/bin", cmd: "/p/cmd", modules: "/p/m", connectors: "/p/c", python: "/p/py", lua: "/p/?.lua", luaC: "/p/?.so", man: "/p/man"}
	env := map[string]string{
		"FLUX_EXEC_PATH_PREPEND": "/a:/b", "FLUX_EXEC_PATH": "/p/cmd:/z",
		"LUA_PATH": "/meh;;;", "FLUX_LUA_CPATH_PREPEND": "/l", "MANPATH": "/x",
		"FLUX_PYTHONPATH_PREPEND": "/foo", "PYTHONPATH": "/mine",
	}
	vars := commandEnvironment(in, func(n string) string { return env[n] }, false)
	for name, want := range map[string]string{
		"FLUX_EXEC_PATH": "/a:/b:/p/cmd:/z",
		"LUA_PATH":       "/p/?.lua;/meh;;;",
		"LUA_CPATH":      "/l;/p/?.so;;;",
		"MANPATH":        "/p/man:/x",
		"PYTHONPATH":     "/foo:/mine",
	} {
		i := slices.IndexFunc(vars, func(v environVariable) bool { return v.name == name })
		if i < 0 || vars[i].value != want {
			t.Errorf("%s: %v, want %q", name, vars, want)
		}
	}
}
