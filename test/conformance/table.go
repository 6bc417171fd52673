// SPDX-License-Identifier: LGPL-3.0-or-later

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// The table stands between these lines of the page.
const (
	beginMark = "<!-- table: kept by test/conformance -->"
	endMark   = "<!-- end of table -->"
)

// row is a script's line in the table.
type row struct {
	script                 string
	cases                  int // that flux-core itself passes
	ran                    bool
	passed, failed, beyond int
	why                    []string
}

// cut splits a page into what is before, within and after the table.
func cut(page []byte) (before, table, after []byte, err error) {
	before, rest, ok := bytes.Cut(page, []byte(beginMark+"\n"))
	table, after, ok2 := bytes.Cut(rest, []byte(endMark+"\n"))
	if !ok || !ok2 {
		return nil, nil, nil, errors.New("the marks around the table are missing")
	}
	return before, table, after, nil
}

// readTable reads what the page has.
func readTable(page []byte) ([]row, error) {
	_, table, _, err := cut(page)
	if err != nil {
		return nil, err
	}
	var rows []row
	for line := range strings.Lines(string(table)) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if len(f) != 8 || !strings.HasSuffix(strings.TrimSpace(f[1]), ".t") {
			continue // headings, totals
		}
		r := row{script: strings.TrimSpace(f[1])}
		numbers := []*int{&r.cases, &r.passed, &r.failed, &r.beyond}
		for i, to := range numbers {
			cell := strings.TrimSpace(f[2+i])
			if cell == "" && i > 0 {
				continue
			}
			if *to, err = strconv.Atoi(cell); err != nil {
				return nil, fmt.Errorf("%s: %w", r.script, err)
			}
			r.ran = r.ran || i > 0
		}
		if why := strings.TrimSpace(f[6]); why != "" {
			r.why = strings.Split(why, "; ")
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// readCases reads lines of script and cases passed, and keeps how scripts that
// were in the table fared.
func readCases(data []byte, old []row) ([]row, error) {
	var rows []row
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) < 2 || !strings.HasSuffix(f[0], ".t") {
			continue
		}
		n, err := strconv.Atoi(f[1])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f[0], err)
		}
		r := row{script: f[0]}
		if i := slices.IndexFunc(old, func(o row) bool { return o.script == f[0] }); i >= 0 {
			r = old[i]
		}
		r.cases = n
		rows = append(rows, r)
	}
	return rows, nil
}

// replaceTable writes the page with a new table.
func replaceTable(w *bytes.Buffer, page []byte, rows []row) error {
	before, _, after, err := cut(page)
	if err != nil {
		return err
	}
	w.Write(before)
	fmt.Fprintln(w, beginMark)
	writeTable(w, rows)
	fmt.Fprintln(w, endMark)
	w.Write(after)
	return nil
}

func writeTable(w io.Writer, rows []row) {
	fmt.Fprint(w, "\n| script | cases | passed | failed | out of reach | why |\n| --- | ---: | ---: | ---: | ---: | --- |\n")
	total := row{script: "**all**"}
	for _, r := range rows {
		writeRow(w, r)
		total.cases += r.cases
		total.passed += r.passed
		total.failed += r.failed
		total.beyond += r.beyond
		total.ran = total.ran || r.ran
	}
	writeRow(w, total)
	fmt.Fprintln(w)
}

func writeRow(w io.Writer, r row) {
	results := " |  | " // not run yet
	if r.ran {
		results = fmt.Sprintf("%d | %d | %d", r.passed, r.failed, r.beyond)
	}
	fmt.Fprintf(w, "| %s | %d | %s | %s |\n", r.script, r.cases, results, strings.Join(r.why, "; "))
}
