// SPDX-License-Identifier: LGPL-3.0-or-later

package kvs

const (
	// maxSymlinks is how deep symbolic links may lead through one another,
	// as in flux-core.
	maxSymlinks = 10

	// maxDepth bounds the components of a key: a tree that deep could not be
	// decoded again.
	maxDepth = 1000

	// maxInline is the number of bytes up to which a value stays in its
	// directory; a longer one becomes a blob. The limit is flux-core's, so
	// that equal trees have equal references.
	maxInline = 54

	// maxValue bounds the value a lookup puts together.
	maxValue = 1 << 30

	// maxMerge bounds the operations of merged transactions, so that one that
	// fails costs little to take apart.
	maxMerge = 4096

	// maxWaiters bounds the waits for a version of one namespace.
	maxWaiters = 1 << 16

	// cacheBytes is how much of the tree is kept in memory. What falls out is
	// loaded again.
	cacheBytes = 64 << 20
)

// Primary is the namespace that is always there.
const Primary = "primary"
