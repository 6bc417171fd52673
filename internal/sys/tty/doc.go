// SPDX-License-Identifier: LGPL-3.0-or-later

// Package tty is what programs do with the terminal they run on.
package tty
