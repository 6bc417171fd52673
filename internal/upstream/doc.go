// SPDX-License-Identifier: LGPL-3.0-or-later

// Package upstream is for services of a follower that depend on their parent:
// the parent may go away and come back, and what had been asked of it then has
// to be asked again ([Stream]), or told again ([OnBack]). The overlay service
// knows when (overlay.parent-wait).
package upstream
