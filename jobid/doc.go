// SPDX-License-Identifier: LGPL-3.0-or-later

// Package jobid holds job ids, which are FLUIDs, RFC 19: 64-bit integers made
// of a time, the number of a generator and a sequence number, so that ids made
// independently are unique and roughly in order.
//
// An ID is written in many ways. F58 ("ƒuZZybuNNy") is what people see; dec and
// hex are the integer; dothex and kvs are keys; words and emoji are for
// telephones and fun. Parse reads them all and tells them apart by their look.
//
// In JSON an ID is a number, which is what flux-core sends on the wire; use
// String where a string is wanted.
package jobid
