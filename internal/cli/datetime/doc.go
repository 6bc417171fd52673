// SPDX-License-Identifier: LGPL-3.0-or-later

// Package datetime reads points in time as people write them, in the options
// --begin-time and --since: "now", an offset such as "+1h" or "-2d" (RFC 23),
// dates and times ("2026-06-21 8am", "Jun 21", "20:15"), and words ("tomorrow
// morning", "in an hour", "2 days ago", "last Monday").
package datetime
