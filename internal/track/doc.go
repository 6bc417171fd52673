// SPDX-License-Identifier: LGPL-3.0-or-later

// Package track remembers requests until they have had their last answer (RFC
// 6): when whoever should answer goes away, nobody is left waiting, and when
// whoever asked does, nobody works on for them.
package track
