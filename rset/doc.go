// SPDX-License-Identifier: LGPL-3.0-or-later

// Package rset is the resource set R, version 1 (RFC 20): concrete resources
// such as "cores 2-5 of rank 9", with hostnames, properties and a time of
// validity. It serves the instance's inventory, a job's allocation and
// everything between.
//
// [Parse] reads R and [R.MarshalJSON] writes it, with keys in the order Flux
// writes them; [FromConfig] makes it from [[resource.config]]
// (flux-config-resource(5)); [Build] from nodes one by one. Set operations
// (Union, Subtract, Intersect, Subset, Filter) work on core and GPU ids and
// return a new R. [Verify] compares what is with what was configured.
//
// Ranks with equal resources are kept as one group and hosts as a hostlist,
// so a cluster of ten thousand equal nodes is a few hundred bytes; operations
// on single ranks expand the groups only where they must.
//
// The package does no I/O. An R is read by many goroutines at once; a change
// needs sole ownership. R may come from outside: the number of ranks is
// limited, and a refusal is an [*Error] that wraps an errno.
package rset
