// SPDX-License-Identifier: LGPL-3.0-or-later

//go:build race

package store

// underRace is set with the race detector, under which SQLite is some fifty
// times slower.
const underRace = true
