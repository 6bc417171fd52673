// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

type pty struct{ s *Shell }
