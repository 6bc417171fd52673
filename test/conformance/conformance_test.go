// SPDX-License-Identifier: LGPL-3.0-or-later

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const emptyPage = "above\n" + beginMark + "\n" + endMark + "\nbelow\n"

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTable(t *testing.T) {
	page := write(t, "page.md", emptyPage)
	cases := write(t, "cases.tsv", "file\tpassed\tseconds\nt1-a.t\t4\t1\nt2-b.t\t3\t1\nt3-c.t\t2\t0\nt4-d.t\t0\t0\n")
	reasons := write(t, "reasons.tsv", "# comment\nt1-a.t\t3-4\tloads a C plugin\nt3-c.t\t*\tcompiled against libflux internals\n")
	result := write(t, "result.json", `{
	  "t1-a.t": {"passed": 3, "cases": {"1": ["pass", ""], "2": ["pass", ""], "3": ["fail", ""], "4": ["pass", ""]}},
	  "t2-b.t": {"passed": 1, "timeout": true, "cases": {"1": ["pass", ""]}},
	  "t3-c.t": {"passed": 0, "cases": {}}}`)
	if err := run(page, result, cases, reasons); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"above\n", "below\n",
		"| t1-a.t | 4 | 3 | 0 | 1 | loads a C plugin |\n",
		"| t2-b.t | 3 | 1 | 2 | 0 | ran out of time |\n", // cases never reached have failed
		"| t3-c.t | 2 | 0 | 0 | 2 | compiled against libflux internals |\n",
		"| t4-d.t | 0 |  |  |  |  |\n",
		"| **all** | 9 | 4 | 2 | 3 |  |\n",
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no line %q in\n%s", want, got)
		}
	}

	// A later run of one script leaves the others' lines as they are.
	result = write(t, "again.json", `{"t2-b.t": {"passed": 3, "cases": {"1": ["pass", ""]}}}`)
	if err := run(page, result, "", reasons); err != nil {
		t.Fatal(err)
	}
	if got, err = os.ReadFile(page); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| t1-a.t | 4 | 3 | 0 | 1 | loads a C plugin |\n", "| t2-b.t | 3 | 3 | 0 | 0 |  |\n", "| **all** | 9 | 6 | 0 | 3 |  |\n"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no line %q in\n%s", want, got)
		}
	}
}

func TestBadInput(t *testing.T) {
	if _, err := readReasons([]byte("t1.t\tone\n")); err == nil {
		t.Error("a line without a reason is accepted")
	}
	if _, err := readReasons([]byte("t1.t\tone\twhy\n")); err == nil {
		t.Error("cases that are no idset are accepted")
	}
	if _, err := readTable([]byte("no table")); err == nil {
		t.Error("a page without a table is accepted")
	}
}

// The page and the reasons in the tree must be readable by the tool.
func TestTreeFiles(t *testing.T) {
	page, err := os.ReadFile("../../docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := readTable(page)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile("reasons.tsv")
	if err != nil {
		t.Fatal(err)
	}
	reasons, err := readReasons(data)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, r := range rows {
		known[r.script] = true
	}
	for script := range reasons {
		if !known[script] {
			t.Errorf("reasons.tsv: %s is no script of the table", script)
		}
	}
}

// A case that fails behind others that skip themselves has a number above how
// many verdicts there are.
func TestReasonsBeyondSkippedCases(t *testing.T) {
	reasons, err := readReasons([]byte("x.t\t7\twhy\n"))
	if err != nil {
		t.Fatal(err)
	}
	r := row{script: "x.t", cases: 3}
	r.fill(outcome{Passed: 2, Cases: map[string][2]string{"1": {"pass"}, "2": {"pass"}, "7": {"fail"}}}, reasons["x.t"])
	if r.beyond != 1 || r.failed != 0 {
		t.Errorf("out of reach %d, failed %d", r.beyond, r.failed)
	}
}
