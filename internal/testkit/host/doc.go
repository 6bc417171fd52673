// SPDX-License-Identifier: LGPL-3.0-or-later

// Package host runs services for their tests: a broker in this process, modules
// on their loops, and callers of any credential that talk to them by messages.
package host
