// SPDX-License-Identifier: LGPL-3.0-or-later

package process

import (
	"os"
	"syscall"
)

// IO says what one of a child's standard files is.
type IO struct {
	kind ioKind
	file *os.File
}

type ioKind uint8

const (
	ioNull ioKind = iota
	ioPipe
	ioInherit
	ioFile
)

// What a standard file may be; the zero value is [Null].
var (
	Null    = IO{kind: ioNull}    // /dev/null
	Pipe    = IO{kind: ioPipe}    // a pipe whose other end [Process] holds
	Inherit = IO{kind: ioInherit} // ours
)

// File makes f the child's. It stays open here.
func File(f *os.File) IO { return IO{kind: ioFile, file: f} }

// Spec says what to start.
type Spec struct {
	// Args is the program and its arguments. A program without a slash is
	// looked for in PATH of Env.
	Args []string
	// Env is the whole environment, KEY=VALUE. Of a key given twice the last counts.
	Env []string
	// Dir is the working directory, "" for ours.
	Dir string

	Stdin, Stdout, Stderr IO
	// Channels are names of environment variables; each is set to the number
	// of a file that is one end of a socket pair.
	Channels []string

	// Session makes the child the leader of a session, Group of a process
	// group. Terminal, in a session, makes its standard input its controlling
	// terminal.
	Session, Group, Terminal bool

	// CPUs to run on; nil for ours.
	CPUs []int
	// Limits are soft resource limits.
	Limits []Limit
	// StopAtExec leaves the child stopped (SIGSTOP) before its program's first
	// instruction, for a debugger to attach.
	StopAtExec bool
	// CgroupFD, when positive, is the directory of the cgroup to start in.
	CgroupFD int
}

// group reports whether the child leads a process group.
func (s *Spec) group() bool { return s.Session || s.Group }

func (s *Spec) sysProcAttr() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setsid: s.Session, Setpgid: s.Group && !s.Session}
	if s.Session && s.Terminal {
		a.Setctty, a.Ctty = true, 0
	}
	a.Ptrace = s.StopAtExec
	if s.CgroupFD > 0 {
		a.UseCgroupFD, a.CgroupFD = true, s.CgroupFD
	}
	return a
}
