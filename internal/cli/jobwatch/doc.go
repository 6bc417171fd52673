// SPDX-License-Identifier: LGPL-3.0-or-later

// Package jobwatch follows any number of jobs at once, as flux watch and
// flux submit --wait, --watch and --progress do: it prints their output, events
// and exceptions, counts them, and knows the worst exit status.
//
// A [Watcher] runs its steps one at a time on the goroutine of [Watcher.Run];
// the event logs are read by goroutines that only wait.
package jobwatch
