// SPDX-License-Identifier: LGPL-3.0-or-later

package attach

// ptyState is what is known about the job's pseudo-terminal.
type ptyState struct {
	wanted   bool // is being attached, or is
	attached bool
	captured bool // its output is in the event log too
}

// PtyAttached is told that the terminal is the job's now.
func (s *Session) PtyAttached() { s.pty.attached = true }

// PtyEnd is told that the connection to the terminal has ended, with the wait
// status of what ran on it. If it never began, the job is attached to as one
// without terminal.
func (s *Session) PtyEnd(status int) {
	attached := s.pty.attached
	s.pty = ptyState{}
	if !attached {
		s.startStdin()
		return
	}
	s.done, s.exit, s.fatal = true, 0, false
	if status != 0 {
		s.exit = 1
	}
}

// dropPty gives up a terminal that is not attached yet and never will be.
func (s *Session) dropPty() {
	if s.pty.wanted && !s.pty.attached {
		s.pty = ptyState{}
		s.fx.DropPty()
	}
}
