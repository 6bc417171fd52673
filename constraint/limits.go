// SPDX-License-Identifier: LGPL-3.0-or-later

package constraint

// Limits on what is accepted. They are far above any constraint a person or a
// portal writes and keep the cost of one job's constraint in the
// milliseconds.
const (
	// MaxBytes bounds a constraint object or query: a host list that names
	// ten thousand hosts one by one fits.
	MaxBytes = 1 << 20
	// MaxDepth bounds nesting, because matching recurses.
	MaxDepth = 100
	// MaxOperators bounds the operators in one constraint, because each is
	// evaluated for every node or job.
	MaxOperators = 10000
	// MaxHosts bounds the hosts one constraint names, because they are
	// held one by one for quick look-up: some ten times the largest machines.
	MaxHosts = 1 << 17
)
