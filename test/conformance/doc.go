// SPDX-License-Identifier: LGPL-3.0-or-later

// Command conformance keeps the table of docs/conformance.md: which of the
// cases of flux-core's own test scripts pass against goflux, which fail, and
// which cannot be reached and why.
//
//	conformance -result result.json docs/conformance.md
//
// The result is a JSON object of scripts, as test runs of flux-core's t/ tally
// them: {"t0001-basic.t": {"passed": 1, "failed": 0, "timeout": false,
// "cases": {"1": ["pass", "a description"]}}}. How many cases there are is
// kept in the table itself; -cases takes it anew from a run of flux-core's own,
// a table of script and cases passed.
//
// reasons.tsv, kept by hand, says which cases are out of reach: script, the
// cases' numbers as an idset or * for all of them, and why. A case that passes
// although it is listed counts as passed, and is told of on standard error.
package main
