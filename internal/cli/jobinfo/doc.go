// SPDX-License-Identifier: LGPL-3.0-or-later

// Package jobinfo is what commands know about listed jobs: the words for states
// and results (RFC 21), and [Job], an answer of job-list (RFC 43) as a row of a
// listing, with the fields that flux-jobs(1) describes.
package jobinfo
