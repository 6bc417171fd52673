// SPDX-License-Identifier: LGPL-3.0-or-later

// Package instance runs whole instances from outside, by the command line, for
// the tests in test/ and the measurements in bench/: "flux start" with an
// initial program that says where the instance is and lives until its input
// ends. So an instance goes away with whoever started it.
//
// Every process of an instance carries a mark in its environment, by which
// those are found that should be gone.
package instance
