// SPDX-License-Identifier: LGPL-3.0-or-later

//go:build !race

package store

const underRace = false
