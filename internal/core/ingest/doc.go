// SPDX-License-Identifier: LGPL-3.0-or-later

// Package ingest is what a job request goes through before it is taken in
// (flux-config-ingest(5)): frobnicator plugins fill it in, validator plugins
// judge it.
//
// A [Pipeline] is made of the table [ingest] and the arguments of the module
// job-ingest. The service sends every request through it, and flux
// job-frobnicator and flux job-validator send through it what they read, so
// that a request can be tried by hand.
package ingest
