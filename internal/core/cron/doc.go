// SPDX-License-Identifier: LGPL-3.0-or-later

// Package cron is the machine behind flux cron (flux-cron(1)): entries that run
// a command when an interval has passed, when an event has been published or
// when the calendar says so. It is pure: operations and inputs come with the
// time and return what is to be done. It starts no goroutine, reads no clock
// and logs nothing; [Machine.NextWake] and [Machine.Topics] tell what it wants
// to hear of.
//
// An entry runs one task at a time: a trigger that finds the last task still
// there passes, with a note.
package cron
