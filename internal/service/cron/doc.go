// SPDX-License-Identifier: LGPL-3.0-or-later

// Package cron is the broker service of that name (flux-cron(1)): it runs
// commands at intervals, on events and by the calendar, through the subprocess
// server (RFC 42) of the broker that each names, and logs what they print.
//
// What runs when is decided by package core/cron; this service gives it the
// time, events and the fate of processes. Entries live as long as the module.
package cron
