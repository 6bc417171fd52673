// SPDX-License-Identifier: LGPL-3.0-or-later

// Package jobargs makes jobspecs (RFC 14, 25) of what the submission commands
// are told on their command line: flux run, submit and bulksubmit by
// [Args.Command], flux batch and alloc by [NestArgs].
//
// Options are kept as the text they were given as, because flux bulksubmit
// fills templates in them ([Args.Fill]) before they are read. Everything that
// depends on the process (environment, limits, working directory, files) comes
// in through [System], so the rest is pure and tested as such.
package jobargs
