// SPDX-License-Identifier: LGPL-3.0-or-later

// Package userdb finds users by name and by number. Package os/user reads
// /etc/passwd alone in a program without cgo; users that are not there are
// asked for with getent(1), which knows all sources the host is set up for.
// Answers are kept.
package userdb
