// SPDX-License-Identifier: LGPL-3.0-or-later

// Package jobspec is the job specification: what resources a job wants, what
// it runs there, and its attributes.
//
// [Parse] reads the canonical form of RFC 14, of which version 1 (RFC 25) is a
// part, [FromYAML] the same from YAML, and [Jobspec.Validate] holds it to the
// rules of either. [FromCommand], [FromNest] and [FromBatch] build version 1
// from what the submission commands are told; [ParseShape] reads the compact
// resources syntax of RFC 46. Counts in all forms of RFC 14, 22 and 45 are
// [Count].
//
// Attributes are free-form, so they stay the JSON they came as: reading and
// writing one attribute leaves the bytes of the others alone.
//
// A jobspec comes from anyone. Depth, the number of resource vertices and
// every count are limited, nothing is expanded, and a refusal is an [*Error]
// that names the place ("resources[0].with[1].count") and wraps EINVAL.
//
// The package does no I/O. A Jobspec that is not being changed may be used
// from several goroutines.
package jobspec
