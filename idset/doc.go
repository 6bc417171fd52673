// SPDX-License-Identifier: LGPL-3.0-or-later

// Package idset holds sets of non-negative integers (ranks, cores, tasks) and
// their string form, RFC 22: "0-3,7" or "[0-3,7]".
//
// A Set is kept as sorted disjoint ranges, so its cost is the number of gaps
// in it and not the number of ids: "0-4294967294" is one range. Parsing costs
// time and memory linear in the length of the string.
//
// Every method that only reads treats a nil *Set as the empty set. A Set may
// be read by many goroutines at once; a change needs sole ownership.
package idset
