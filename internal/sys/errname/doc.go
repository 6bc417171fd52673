// SPDX-License-Identifier: LGPL-3.0-or-later

// Package errname knows the symbols of errnos.
package errname
