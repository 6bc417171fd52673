// SPDX-License-Identifier: LGPL-3.0-or-later

// Package daemon is the process flux-broker: it reads the command line and the
// configuration, boots (finds its rank and peers), makes its directories,
// starts the broker with its built-in modules, and walks the state machine,
// which runs rc1, the initial program, cleanup and rc3 (flux-broker(1),
// flux-broker-attributes(7)).
package daemon
