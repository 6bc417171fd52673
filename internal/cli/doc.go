// SPDX-License-Identifier: LGPL-3.0-or-later

// Package cli is the command line: one file a command. A command talks to the
// instance by package flux alone.
package cli
