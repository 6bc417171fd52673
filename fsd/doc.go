// SPDX-License-Identifier: LGPL-3.0-or-later

// Package fsd reads and writes Flux Standard Durations, RFC 23: a number with
// an optional unit, "30", "1.5m", "4h", "infinity".
//
// Durations come in two shapes: seconds as a float64, which is what messages,
// jobspec and R carry and which can be infinite, and time.Duration.
package fsd
