// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"fmt"
	"os"

	"goflux/internal/message"
)

// outputFiles are the files open for output, each once.
type outputFiles struct{ byPath map[string]*outFile }

// outFile is a file that tasks write to.
type outFile struct {
	f     *os.File
	label bool
	bad   bool // a write has failed: one message is enough
}

func (o *outputFiles) init() { o.byPath = map[string]*outFile{} }

func (o *outputFiles) open(path string, appends, label bool) (*outFile, error) {
	if f := o.byPath[path]; f != nil {
		return f, nil
	}
	how := os.O_TRUNC
	if appends {
		how = os.O_APPEND
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|how, 0o644)
	if err != nil {
		return nil, fmt.Errorf("error opening output file '%s': %s", path, message.ErrnoText(message.Errno(err)))
	}
	of := &outFile{f: f, label: label}
	o.byPath[path] = of
	return of, nil
}

// write appends text; an error is told once.
func (f *outFile) write(text string) { f.writeBytes([]byte(text)) }

func (f *outFile) writeBytes(b []byte) {
	if _, err := f.f.Write(b); err != nil && !f.bad {
		f.bad = true
		fmt.Fprintf(os.Stderr, "flux-shell: %v\n", err)
	}
}

// writeLabelled writes a task's output, with its rank before each line if the
// file is to have labels.
func (f *outFile) writeLabelled(rank string, data []byte) {
	if !f.label {
		f.writeBytes(data)
		return
	}
	for len(data) > 0 {
		var line []byte
		line, data = cutLine(data)
		f.writeBytes(append([]byte(rank+": "), line...))
	}
}

func (o *outputFiles) close() {
	for _, f := range o.byPath {
		f.f.Close()
	}
}
