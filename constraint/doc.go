// SPDX-License-Identifier: LGPL-3.0-or-later

// Package constraint holds job constraints: the JSON objects of RFC 31 that
// say which nodes (or, with the operators of RFC 43, which jobs) match, and
// the query syntax of RFC 35 in which people write them.
//
// [ParseWith] turns a constraint object into an [Expr] whose leaves are made
// by operators the caller supplies, so one tree serves nodes, jobs and
// whatever comes later; [Parse] is that for nodes, with the operators
// properties, hostlist and ranks. [Syntax.Parse] compiles a query such as
// "host:test1 and not rank:0" to a constraint object; [Requires] is the syntax
// of --requires.
//
// The package does no I/O and keeps no state. An Expr is immutable and safe
// for concurrent use. Input is hostile until proven otherwise: size, depth and
// the numbers of operators and hosts are limited, and every refusal is an
// [*Error] that wraps EINVAL.
//
// In a query all three spellings of AND, white space included, bind tighter
// than OR, as RFC 35 says.
package constraint
