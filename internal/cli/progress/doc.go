// SPDX-License-Identifier: LGPL-3.0-or-later

// Package progress draws a progress bar on the last line of a terminal, while
// other output scrolls above it. The terminal has to understand the control
// sequences of the VT100.
package progress
