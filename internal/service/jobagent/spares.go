// SPDX-License-Identifier: LGPL-3.0-or-later

package jobagent

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"goflux/internal/message"
)

// spares are the directories of jobs that are over, kept to become those of
// others. To make and remove files is dear: some file systems, ext4 one of
// them, do not give the place of a removed file to another for some seconds,
// and each new file has to be found one past all of those.
type spares struct {
	mu   sync.Mutex
	dirs []string
	made int // names given so far
	shut bool
}

const (
	// maxSpares bounds how many are kept.
	maxSpares = 64
	// spareName begins the name of a spare directory; the rank and a number
	// follow.
	spareName = "spare"
)

// keep makes a job's directory a spare one, if there is room, and the shell has
// printed nothing: false when it did not.
func (s *spares) keep(dir string) bool {
	if st, err := os.Stat(filepath.Join(dir, logFile)); err == nil && st.Size() > 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shut || len(s.dirs) == maxSpares {
		return false
	}
	s.made++
	name := filepath.Base(dir)
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '-' {
			name = name[i:]
			break
		}
	}
	spare := filepath.Join(filepath.Dir(dir), fmt.Sprintf("%s%s.%d", spareName, name, s.made))
	if os.Rename(dir, spare) != nil {
		return false
	}
	s.dirs = append(s.dirs, spare)
	return true
}

// take makes a spare directory that of a job, false when there is none.
func (s *spares) take(dir string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.dirs) == 0 {
		return false
	}
	last := len(s.dirs) - 1
	spare := s.dirs[last]
	s.dirs = s.dirs[:last]
	return os.Rename(spare, dir) == nil
}

// remove removes all; there will be no more.
func (s *spares) remove() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, dir := range s.dirs {
		os.RemoveAll(dir)
	}
	s.dirs, s.shut = nil, true
}

// makeJob makes a job's directory and what its shell wants to know.
func (s *spares) makeJob(dir string, info []byte) error {
	if !s.take(dir) {
		err := os.Mkdir(dir, 0o700)
		if errors.Is(err, fs.ErrNotExist) {
			err = os.MkdirAll(dir, 0o700)
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return message.Errorf(message.Errno(err), "making the job's directory: %v", err)
		}
	}
	if err := overwrite(filepath.Join(dir, infoFile), info); err != nil {
		return message.Errorf(message.Errno(err), "writing the shell's information: %v", err)
	}
	return nil
}

// maxPadding bounds how much longer than it need be a file may stay.
const maxPadding = 64 << 10

// overwrite writes JSON over what is in a file, and blanks over the rest of it:
// a file that is cut off first loses its place on the disk.
func overwrite(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	switch rest := st.Size() - int64(len(text)); {
	case rest > maxPadding:
		err = f.Truncate(int64(len(text)))
	case rest > 0:
		text = append(text, bytes.Repeat([]byte{' '}, int(rest))...)
	}
	if err == nil {
		_, err = f.Write(text)
	}
	return err
}
