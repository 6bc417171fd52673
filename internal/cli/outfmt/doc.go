// SPDX-License-Identifier: LGPL-3.0-or-later

// Package outfmt is the output formats of flux's listings: strings such as
//
//	{id.f58:>12} ?:{queue:<8.8} +:{name:<10.10+} {t_run!d:%H:%M} {runtime!F:>8h}
//
// as the OUTPUT FORMAT sections of flux-jobs(1), flux-resource(1) and
// flux-queue(1) describe them: replacement fields in the syntax of Python's
// format(), with
//
//   - conversions: !d time, !D ISO 8601 time, !F Flux Standard Duration, !H
//     h:mm:ss, !P percentage, !s and !r text;
//   - the ending h, which shows an empty or zero value as "-", and + which marks
//     a cut value by a trailing "+";
//   - before a field, "?:" drops a column that is empty in every row, "+:" makes
//     it as wide as its widest value, "?+:" does both;
//   - before everything, "sort:KEY,-KEY " names the keys to sort by.
//
// A listing is made in three steps:
//
//	f, err := outfmt.Parse(format, headings) // headings: every known field
//	err = f.SetSort("-t_run")                // optional
//	err = f.Print(w, rows, outfmt.Options{})
//
// where a row is an [Item]: it returns the value of a field by name as a string,
// bool, integer, float64, fmt.Stringer, or nil for what is not there. [Set]
// resolves the names of formats, those built in and those of the user's
// configuration files.
//
// Widths are columns of a terminal: a wide character counts two, a combining
// one none. Nothing here depends on the locale; times are in local time.
package outfmt
