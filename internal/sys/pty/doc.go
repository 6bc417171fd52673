// SPDX-License-Identifier: LGPL-3.0-or-later

// Package pty opens pseudo-terminals (pty(7)).
package pty
