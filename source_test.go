// SPDX-License-Identifier: LGPL-3.0-or-later

package goflux_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// licenceLine is the first line of every Go file. Data taken over from elsewhere
// names its own licence too.
var licenceLine = regexp.MustCompile(`^// SPDX-License-Identifier: (\S+ AND )?LGPL-3\.0-or-later\n`)

// eachFile calls do with every file of the source tree.
func eachFile(t *testing.T, do func(path string, text []byte)) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains([]string{".git", ".tools", "build"}, path) || strings.HasPrefix(path, "trash-") {
				return filepath.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || path == ".git" { // a file in a work tree that was added
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !bytes.ContainsRune(text, 0) { // not a built program that lies about
			do(path, text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLicenceLine(t *testing.T) {
	eachFile(t, func(path string, text []byte) {
		if strings.HasSuffix(path, ".go") && !licenceLine.Match(text) {
			t.Errorf("%s does not begin with its licence: %s", path, licenceLine)
		}
	})
}

func TestEveryPackageHasDoc(t *testing.T) {
	for _, p := range listPackages(t) {
		// A program's own comment stands in its main.go.
		if len(p.GoFiles) == 0 || slices.Contains(p.GoFiles, "doc.go") || slices.Equal(p.GoFiles, []string{"main.go"}) {
			continue
		}
		t.Errorf("%s has no doc.go", p.short())
	}
}

// developersPath is a path that exists on somebody's machine, not on every
// one: the project installs below a prefix and reads /etc, /run, /var, /tmp.
var developersPath = regexp.MustCompile(`(^|[\s"'=:(,` + "`" + `])/(opt|work|Users)/[a-z]`)

// vendorPath is where IBM's software is, on every machine that has it.
var vendorPath = []byte("/opt/ibm/")

func TestNoDevelopersPath(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	eachFile(t, func(path string, text []byte) {
		for i, line := range bytes.Split(text, []byte("\n")) {
			if developersPath.Match(bytes.ReplaceAll(line, vendorPath, nil)) || bytes.Contains(line, []byte(here+"/")) {
				t.Errorf("%s:%d names a path of one machine: %.120s", path, i+1, bytes.TrimSpace(line))
			}
		}
	})
}

// forbiddenToPure are the standard packages that values and cores do without:
// they do no input or output.
var forbiddenToPure = []string{"os", "os/exec", "os/user", "os/signal", "net", "net/http", "log", "log/slog", "math/rand", "math/rand/v2", "crypto/rand"}

// clock is what reads or waits for the time of day.
var clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// Values and cores are functions of their arguments: they replay from a log and
// run in a simulator.
func TestPureCode(t *testing.T) {
	rs, err := readRules(importRules)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range listPackages(t) {
		if !rs.names("VALUE", p.short()) && !strings.HasPrefix(p.short(), "internal/core/") {
			continue
		}
		for _, imp := range p.Imports {
			if slices.Contains(forbiddenToPure, imp) {
				t.Errorf("%s imports %s: it is to be pure", p.short(), imp)
			}
		}
		for _, name := range p.GoFiles {
			checkPure(t, filepath.Join(p.Dir, name), p.short()+"/"+name)
		}
	}
}

func checkPure(t *testing.T, path, shown string) {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Errorf("%s: %v", shown, err)
		return
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			t.Errorf("%s:%d starts a goroutine: it is to be pure", shown, fset.Position(n.Pos()).Line)
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clock, n.Sel.Name) {
				t.Errorf("%s:%d calls time.%s: the time comes from the caller", shown, fset.Position(n.Pos()).Line, n.Sel.Name)
			}
		}
		return true
	})
}

// A test that waits for the clock is slow on a good day and fails on a bad one.
func TestNoSleepInTests(t *testing.T) {
	eachFile(t, func(path string, text []byte) {
		if strings.HasSuffix(path, "_test.go") && path != "source_test.go" && bytes.Contains(text, []byte("time.Sleep(")) && !bytes.Contains(text, []byte("synctest.")) {
			t.Errorf("%s sleeps: wait for what is to happen", path)
		}
	})
}
