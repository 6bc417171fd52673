// SPDX-License-Identifier: LGPL-3.0-or-later

// Command bench measures built programs from outside, as users see them, and
// prints a line of JSON a figure:
//
//	{"figure":"mock-jobs","value":21000,"unit":"jobs/s","n":5000}
//
//	bench [-flux PROGRAM] [-n JOBS] [-list] [FIGURE...]
//
// The first two figures are what the host itself can do, processes started one
// after another and several at a time: what the others are to be held against,
// since this host is not that one. Each figure has an instance of its own.
// Figures that were kept are in README.md.
package main
