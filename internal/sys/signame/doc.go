// SPDX-License-Identifier: LGPL-3.0-or-later

// Package signame turns names of signals into numbers and back.
package signame
