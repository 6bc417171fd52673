// SPDX-License-Identifier: LGPL-3.0-or-later

// Package track remembers requests until they have had their last answer (RFC
// 6), so that when whoever should answer goes away, nobody is left waiting.
package track
