// SPDX-License-Identifier: LGPL-3.0-or-later

package process

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// files are the child's files by number, and the ends that we keep.
type files struct {
	child  []uintptr
	toDrop []*os.File // the child's ends: ours to close once it has them
	kept   []*os.File
	stdio  [3]*os.File // our ends
	chans  map[string]*os.File
	env    []string
}

func (f *files) dropChildEnds() {
	for _, d := range f.toDrop {
		d.Close()
	}
}

func (f *files) closeAll() {
	f.dropChildEnds()
	for _, k := range f.kept {
		k.Close()
	}
}

func openFiles(s *Spec) (*files, error) {
	f := &files{}
	for i, io := range []IO{s.Stdin, s.Stdout, s.Stderr} {
		if err := f.addStdio(i, io); err != nil {
			f.closeAll()
			return nil, err
		}
	}
	for _, name := range s.Channels {
		if err := f.addChannel(name); err != nil {
			f.closeAll()
			return nil, err
		}
	}
	return f, nil
}

func (f *files) addStdio(i int, io IO) error {
	switch io.kind {
	case ioInherit:
		f.child = append(f.child, uintptr(i))
	case ioFile:
		// Fd would make the file blocking for us, too.
		raw, err := io.file.SyscallConn()
		if err != nil {
			return err
		}
		if err := raw.Control(func(fd uintptr) { f.child = append(f.child, fd) }); err != nil {
			return err
		}
	case ioPipe:
		return f.addPipe(i)
	default:
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		f.addChildEnd(null)
	}
	return nil
}

func (f *files) addChildEnd(end *os.File) {
	f.toDrop = append(f.toDrop, end)
	f.child = append(f.child, end.Fd())
}

var stdioName = [3]string{"stdin", "stdout", "stderr"}

func (f *files) addPipe(i int) error {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return fmt.Errorf("pipe for %s: %w", stdioName[i], err)
	}
	child, ours := p[1], p[0]
	if i == 0 {
		child, ours = p[0], p[1]
	}
	f.addChildEnd(os.NewFile(uintptr(child), stdioName[i]))
	f.stdio[i] = f.keep(ours, stdioName[i])
	return nil
}

// keep makes our end non-blocking, so that waiting for it costs no thread.
func (f *files) keep(fd int, name string) *os.File {
	_ = unix.SetNonblock(fd, true) // cannot fail on what was just made
	file := os.NewFile(uintptr(fd), name)
	f.kept = append(f.kept, file)
	return file
}

func (f *files) addChannel(name string) error {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket pair for channel %s: %w", name, err)
	}
	if f.chans == nil {
		f.chans = map[string]*os.File{}
	}
	f.env = append(f.env, name+"="+strconv.Itoa(len(f.child)))
	f.addChildEnd(os.NewFile(uintptr(p[1]), name))
	f.chans[name] = f.keep(p[0], name)
	return nil
}
