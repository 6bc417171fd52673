// SPDX-License-Identifier: LGPL-3.0-or-later

// Package sigdefault gives a signal back its default action, of which Go's run
// time deprives those it does nothing with: a command that is sent SIGALRM is
// expected to die of it.
package sigdefault
