// SPDX-License-Identifier: LGPL-3.0-or-later

// Command bench measures built programs from outside, as users see them, and
// prints a line of JSON a figure, with its target where it has one:
//
//	{"figure":"mock-jobs","value":4100,"unit":"jobs/s","n":1000,"target":">= 1000","met":true}
//
//	bench [-flux PROGRAM] [-n JOBS] [-long] [-list] [FIGURE...]
//
// The first two figures are what the host itself can do, processes started one
// after another and several at a time: what the others are to be held against,
// since this host is not that one. Each figure has an instance of its own, with
// a statedir that lasts: what is acknowledged is durable. Names ending in
// throwaway have an instance that keeps nothing. Figures that were kept are in
// README.md.
package main
