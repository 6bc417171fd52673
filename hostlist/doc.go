// SPDX-License-Identifier: LGPL-3.0-or-later

// Package hostlist holds ordered lists of host names and their compact string
// form, RFC 29: "node[0-3,7],login1".
//
// A List keeps order and repetitions. Inside it is a sequence of runs of
// consecutively numbered hosts, so a cluster of a hundred thousand nodes is a
// few dozen bytes. Two lists of the same hosts in the same order have the same
// runs and the same String, however they were made.
//
// # What is read and written
//
// Besides commas, blanks and line breaks separate expressions, and empty
// expressions are skipped, as flux-core does. Leading zeros of an idlist's
// first element hold for the whole idlist (RFC 29): "h[005,4]" is h005,h004.
// String compresses trailing numbers only: a host whose number is followed by
// a suffix is written out in full, as flux-core does.
//
// Parsing bad or hostile input costs no more than the limits MaxHosts,
// MaxExpanded, MaxNameLen and MaxDigits allow.
//
// Every method that only reads treats a nil *List as the empty list. A List
// may be read by many goroutines at once; a change needs sole ownership.
package hostlist
