// SPDX-License-Identifier: LGPL-3.0-or-later

// Package directives finds the submission directives in a batch script, lines
// such as "# flux: -N4 --queue=batch" (RFC 36).
package directives
