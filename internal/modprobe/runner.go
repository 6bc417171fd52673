// SPDX-License-Identifier: LGPL-3.0-or-later

package modprobe

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"

	"goflux/internal/install"
	"goflux/internal/message"
)

// runnerProgram runs the functions of rc files in Python.
//
//go:embed runner.py
var runnerProgram string

// maxReply bounds a line of what the program has to say, in bytes.
const maxReply = 1 << 20

// runner is the process that runs the functions of rc files. They share it, and
// so what they keep for each other.
type runner struct {
	cmd     *exec.Cmd
	names   io.WriteCloser // of the tasks to be run
	replies io.Closer
	readers sync.WaitGroup

	mu      sync.Mutex
	waiting map[string]chan error
	gone    bool
}

// reply is a line of what the program has to say.
type reply struct {
	Task *taskReply `json:"task"`

	Op      string   `json:"op"`
	Module  string   `json:"module"`
	Service string   `json:"service"`
	Modules []string `json:"modules"`
	Args    []string `json:"args"`
	Alone   bool     `json:"alone"`

	Done  *string `json:"done"`
	Error string  `json:"error"`
}

// taskReply describes a task of a file.
type taskReply struct {
	Name        string   `json:"name"`
	Ranks       string   `json:"ranks"`
	Provides    []string `json:"provides"`
	Requires    []string `json:"requires"`
	Needs       []string `json:"needs"`
	Before      []string `json:"before"`
	After       []string `json:"after"`
	NeedsAttrs  []string `json:"needs_attrs"`
	NeedsConfig []string `json:"needs_config"`
	NeedsEnv    []string `json:"needs_env"`
	Disabled    bool     `json:"disabled"`
	Priority    int64    `json:"priority"`
}

// readRC loads rc files: their tasks become active, and what their setup
// functions ask for is done. They are run by a process that [Modprobe.Close]
// ends.
func (m *Modprobe) readRC(ctx context.Context, files []string) error {
	if len(files) == 0 {
		return nil
	}
	for _, f := range files {
		m.tell("loading " + f)
	}
	r := &runner{waiting: map[string]chan error{}}
	replies, err := r.start(ctx, m, files)
	if err != nil {
		return fmt.Errorf("running %s: %w", files[0], err)
	}
	m.runner = r
	lines := bufio.NewScanner(replies)
	lines.Buffer(nil, maxReply)
	if err := m.plan(ctx, r, lines); err != nil {
		replies.Close() // nobody reads any further
		return err
	}
	r.readers.Go(func() { r.listen(m, lines) })
	return nil
}

// plan takes what the files have to say while they are loaded.
func (m *Modprobe) plan(ctx context.Context, r *runner, lines *bufio.Scanner) error {
	for lines.Scan() {
		var answer reply
		if err := message.Unmarshal(lines.Bytes(), &answer); err != nil {
			return fmt.Errorf("rc files: %w", err)
		}
		if answer.Done != nil {
			if answer.Error != "" {
				return errors.New(answer.Error)
			}
			return nil
		}
		if err := m.planned(ctx, r, &answer); err != nil {
			return err
		}
	}
	return fmt.Errorf("rc files: %w", errors.Join(errRunnerGone, lines.Err()))
}

// start starts the process.
func (r *runner) start(ctx context.Context, m *Modprobe, files []string) (io.ReadCloser, error) {
	letters := "-"
	if m.verbose {
		letters += "v"
	}
	if m.dryRun {
		letters += "n"
	}
	r.cmd = exec.CommandContext(ctx, install.Flux(), append([]string{"python", "-c", runnerProgram, letters}, files...)...)
	r.cmd.Env = m.inst.Environ()
	replies, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	r.cmd.ExtraFiles = []*os.File{theirs}
	stdout, err1 := r.cmd.StdoutPipe()
	stderr, err2 := r.cmd.StderrPipe()
	names, err3 := r.cmd.StdinPipe()
	r.names = names
	if err := errors.Join(err1, err2, err3); err != nil {
		replies.Close()
		return nil, err
	}
	if err := r.cmd.Start(); err != nil {
		replies.Close()
		return nil, err
	}
	r.replies = replies
	r.readers.Go(func() { lines(bufio.NewReader(stdout), m.out) })
	r.readers.Go(func() { lines(bufio.NewReader(stderr), m.err) })
	return replies, nil
}

// planned does what a file asks for while it is loaded.
func (m *Modprobe) planned(ctx context.Context, r *runner, a *reply) error {
	switch a.Op {
	case "load":
		return m.activate(a.Modules...)
	case "alternative":
		return m.SetAlternative(a.Service, a.Module)
	case "setopt":
		m.addArgs(a.Module, a.Alone, a.Args...)
	case "enable":
		return m.force(a.Service)
	case "remove":
		return m.unload(ctx, a.Modules)
	}
	if t := a.Task; t != nil {
		ranks, err := ParseRanks(t.Ranks)
		if err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
		m.addActive(&Task{
			Name: t.Name, Ranks: ranks, Provides: t.Provides, Requires: t.Requires, Needs: t.Needs,
			Before: t.Before, After: t.After, NeedsAttrs: t.NeedsAttrs, NeedsConfig: t.NeedsConfig, NeedsEnv: t.NeedsEnv,
			Disabled: t.Disabled, Priority: t.Priority,
			run: func(ctx context.Context, _ *Modprobe) error { return r.run(ctx, t.Name) },
		})
	}
	return nil
}

// force enables whatever answers to a name, on all ranks and without what it
// needs.
func (m *Modprobe) force(name string) error {
	list := m.candidates(name)
	if len(list) == 0 {
		return fmt.Errorf("no such module or task '%s'", name)
	}
	for _, t := range list {
		m.forced[t.Name] = true
	}
	return nil
}

// listen takes what running tasks have to say. Of modules, they can only change
// the arguments of those not loaded yet.
func (r *runner) listen(m *Modprobe, lines *bufio.Scanner) {
	for lines.Scan() {
		var a reply
		if err := message.Unmarshal(lines.Bytes(), &a); err != nil {
			break
		}
		switch {
		case a.Op == "setopt":
			m.addArgs(a.Module, a.Alone, a.Args...)
		case a.Done != nil:
			var err error
			if a.Error != "" {
				err = errors.New(a.Error)
			}
			r.finish(*a.Done, err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone = true
	for _, done := range r.waiting {
		done <- errRunnerGone
	}
}

var errRunnerGone = errors.New("the interpreter has ended")

func (r *runner) finish(name string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if done := r.waiting[name]; done != nil {
		delete(r.waiting, name)
		done <- err
	}
}

// run runs a task.
func (r *runner) run(ctx context.Context, name string) error {
	line, err := message.Marshal(name)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	r.mu.Lock()
	if r.gone {
		r.mu.Unlock()
		return errRunnerGone
	}
	r.waiting[name] = done
	_, err = r.names.Write(append(line, '\n'))
	r.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends what has been started to run tasks.
func (m *Modprobe) Close() {
	if r := m.runner; r != nil {
		m.runner = nil
		_ = r.names.Close()
		r.readers.Wait()
		_ = r.cmd.Wait() // how it ends tells nothing that is not known
		_ = r.replies.Close()
	}
}

// RunFile runs the tasks of an rc file, and with them what they require.
func (m *Modprobe) RunFile(ctx context.Context, file string) error {
	o, err := m.FileOrder(ctx, file)
	if err != nil {
		return err
	}
	return m.run(ctx, o)
}

// FileOrder is the order of the tasks of an rc file.
func (m *Modprobe) FileOrder(ctx context.Context, file string) (Order, error) {
	if err := m.readRC(ctx, []string{file}); err != nil {
		return nil, err
	}
	return m.activeOrder()
}
