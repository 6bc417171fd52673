// SPDX-License-Identifier: LGPL-3.0-or-later

// Package modprobe brings a broker's modules up and down in the order that they
// need (flux-modprobe(1)): which modules there are and what they want stands in
// a table, that files (modprobe.d/*.toml) and the [modules] table of the
// configuration may change; rc1 and rc3 add tasks of their own, that do not load
// anything. Tasks that do not depend on each other run at the same time.
//
// It works on any [Instance]: the command's, over a connection, or the broker's
// own, which runs rc1 and rc3 without starting a process.
package modprobe
