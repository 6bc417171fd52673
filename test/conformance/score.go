// SPDX-License-Identifier: LGPL-3.0-or-later

package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"goflux/idset"
)

// outcome is one script's result.
type outcome struct {
	Passed  int                  `json:"passed"`
	Timeout bool                 `json:"timeout"`
	Cases   map[string][2]string `json:"cases"` // number: verdict, description
}

// reason says why cases are out of reach.
type reason struct {
	all   bool // every case of the script
	cases *idset.Set
	why   string
}

func (r reason) covers(n int) bool { return r.all || r.cases.Contains(uint32(n)) }

// readReasons reads lines of script, cases and reason, separated by tabs.
func readReasons(data []byte) (map[string][]reason, error) {
	all := map[string][]reason{}
	n := 0
	for line := range bytes.Lines(data) {
		n++
		text := strings.TrimRight(string(line), "\n")
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		f := strings.Split(text, "\t")
		if len(f) != 3 || f[2] == "" {
			return nil, fmt.Errorf("line %d: want script, cases and reason between tabs", n)
		}
		r := reason{all: f[1] == "*", why: f[2]}
		if !r.all {
			var err error
			if r.cases, err = idset.Parse(f[1]); err != nil {
				return nil, fmt.Errorf("line %d: cases: %w", n, err)
			}
		}
		all[f[0]] = append(all[f[0]], r)
	}
	return all, nil
}

// last is the highest number of a case. Cases that skip themselves have numbers
// and no verdict, so there may be fewer verdicts.
func (o outcome) last() int {
	last := 0
	for name := range o.Cases {
		if n, err := strconv.Atoi(name); err == nil {
			last = max(last, n)
		}
	}
	return last
}

// fill scores a script and returns the cases that pass although listed.
//
// A script that stops half way reports no more cases, so what counts as failed
// is every case that neither passed nor is out of reach.
func (r *row) fill(o outcome, reasons []reason) (stale []int) {
	r.ran, r.passed, r.beyond, r.why = true, o.Passed, 0, nil
	seen := map[string]bool{}
	for n := 1; n <= max(r.cases, o.last()); n++ {
		for _, why := range reasons {
			if !why.covers(n) {
				continue
			}
			switch verdict := o.Cases[strconv.Itoa(n)][0]; {
			case verdict == "pass" && !why.all:
				stale = append(stale, n)
			case verdict != "pass":
				r.beyond++
				if !seen[why.why] {
					seen[why.why] = true
					r.why = append(r.why, why.why)
				}
			}
			break
		}
	}
	r.beyond = min(r.beyond, max(0, r.cases-r.passed))
	r.failed = max(0, r.cases-r.passed-r.beyond)
	if o.Timeout {
		r.why = append(r.why, "ran out of time")
	}
	return stale
}
