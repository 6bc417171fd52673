// SPDX-License-Identifier: LGPL-3.0-or-later

package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
)

func main() {
	result := flag.String("result", "", "the `FILE` with the result of a run against goflux")
	cases := flag.String("cases", "", "take the number of cases from `FILE`, flux-core's own run")
	reasons := flag.String("reasons", "test/conformance/reasons.tsv", "the `FILE` of cases out of reach")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: conformance [-result FILE] [-cases FILE] PAGE")
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *result, *cases, *reasons); err != nil {
		fmt.Fprintf(os.Stderr, "conformance: %v\n", err)
		os.Exit(1)
	}
}

// run rewrites the table of the page.
func run(page, resultPath, casesPath, reasonsPath string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	rows, err := readTable(text)
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	if casesPath != "" {
		data, err := os.ReadFile(casesPath)
		if err != nil {
			return err
		}
		if rows, err = readCases(data, rows); err != nil {
			return fmt.Errorf("%s: %w", casesPath, err)
		}
	}
	if resultPath != "" {
		if err := score(rows, resultPath, reasonsPath); err != nil {
			return err
		}
	}
	var b bytes.Buffer
	if err := replaceTable(&b, text, rows); err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	return os.WriteFile(page, b.Bytes(), 0o644)
}

// score fills in how each script fared.
func score(rows []row, resultPath, reasonsPath string) error {
	data, err := os.ReadFile(reasonsPath)
	if err != nil {
		return err
	}
	reasons, err := readReasons(data)
	if err != nil {
		return fmt.Errorf("%s: %w", reasonsPath, err)
	}
	if data, err = os.ReadFile(resultPath); err != nil {
		return err
	}
	var result map[string]outcome
	if err := json.Unmarshal(data, &result); err != nil {
		return fmt.Errorf("%s: %w", resultPath, err)
	}
	for i := range rows {
		r := &rows[i]
		o, ran := result[r.script]
		if !ran {
			continue // what an earlier run found stands
		}
		for _, stale := range r.fill(o, reasons[r.script]) {
			fmt.Fprintf(os.Stderr, "%s: case %d passes, though reasons.tsv has it out of reach\n", r.script, stale)
		}
	}
	return nil
}
