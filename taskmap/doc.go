// SPDX-License-Identifier: LGPL-3.0-or-later

// Package taskmap maps the tasks of a job to the nodes they run on, RFC 34.
//
// A Map is a list of blocks, so its cost is that of its description and not
// of the job. Task ranks are not written down: the tasks of a job are numbered
// in the order in which the blocks name their nodes.
//
// A Map without blocks is the unknown map. Every method that only reads treats
// a nil *Map as that.
package taskmap
