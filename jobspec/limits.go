// SPDX-License-Identifier: LGPL-3.0-or-later

package jobspec

import "math"

const (
	// MaxCount bounds every count in a jobspec. Flux holds them in a C int.
	MaxCount = math.MaxInt32
	// MaxTotal bounds what counts multiply to, e.g. cores in a job: beyond it
	// numbers would no longer pass unharmed through JSON.
	MaxTotal = 1 << 53
	// MaxDepth bounds the nesting of resources and of attribute paths. Real
	// requests nest a handful of levels.
	MaxDepth = 100
	// MaxVertices bounds the resource vertices of one jobspec.
	MaxVertices = 10000
	// MaxResourcesBytes bounds the resources section, which is read once for
	// every level of nesting.
	MaxResourcesBytes = 1 << 20
)
