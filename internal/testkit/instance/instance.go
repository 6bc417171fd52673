// SPDX-License-Identifier: LGPL-3.0-or-later

package instance

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Options of an instance.
type Options struct {
	Flux string   // path of the flux to run
	Size int      // brokers
	Args []string // further options of flux start
	Env  []string // added to the environment: NAME=VALUE
	Dir  string   // HOME and TMPDIR; short, since sockets are below it
}

// Instance is a running instance.
type Instance struct {
	URI string // of its leader

	opt    Options
	mark   string
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr string        // path of the file that has its standard error
	waited chan struct{} // closed when flux start has ended
	err    error         // how
}

// announce is the initial program: it prints the instance's URI and waits for
// the end of its input.
const announce = `echo "instance $FLUX_URI"; exec cat >/dev/null`

// Start starts an instance and returns when its initial program runs.
func Start(ctx context.Context, o Options) (*Instance, error) {
	mark := NewMark()
	_, id, _ := strings.Cut(mark, "=")
	in := &Instance{opt: o, mark: mark, stderr: filepath.Join(o.Dir, "stderr-"+id), waited: make(chan struct{})}
	// A file: a pipe would tie the end of flux start to that of all it started.
	stderr, err := os.Create(in.stderr)
	if err != nil {
		return nil, err
	}
	defer stderr.Close()
	args := append([]string{"start", "--test-size=" + strconv.Itoa(o.Size)}, o.Args...)
	in.cmd = exec.Command(o.Flux, append(args, "sh", "-c", announce)...)
	in.cmd.Env = in.Environ()
	in.cmd.Dir = o.Dir
	in.cmd.Stderr = stderr
	out, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	in.cmd.Stdout = w
	if in.stdin, err = in.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := in.cmd.Start(); err != nil {
		return nil, err
	}
	w.Close()
	go func() {
		in.err = in.cmd.Wait()
		close(in.waited)
	}()
	uri := make(chan string, 1)
	go readURI(out, uri)
	select {
	case in.URI = <-uri:
		if in.URI != "" {
			return in, nil
		}
		<-in.waited
		return nil, fmt.Errorf("flux start: %w\n%s", orEnded(in.err), in.Stderr())
	case <-ctx.Done():
		in.Kill()
		return nil, fmt.Errorf("flux start: %w\n%s", ctx.Err(), in.Stderr())
	}
}

// NewMark is a variable for the environment of an instance's processes, by
// which [Marked] finds them.
func NewMark() string { return "INSTANCE_MARK=" + rand.Text() }

func orEnded(err error) error {
	if err == nil {
		return errors.New("ended at once")
	}
	return err
}

// readURI passes on the announcement, "" when the output ends without one, and
// then reads on, so that nobody is blocked writing.
func readURI(r io.ReadCloser, uri chan<- string) {
	defer r.Close()
	defer close(uri)
	for sc := bufio.NewScanner(r); sc.Scan(); {
		if s, ok := strings.CutPrefix(sc.Text(), "instance "); ok {
			uri <- s
			break
		}
	}
	_, _ = io.Copy(io.Discard, r)
}

// Environ is the environment of the instance and its clients: the caller's,
// without what an enclosing instance left there, and with a search path that
// any user can follow.
func (in *Instance) Environ() []string {
	var env []string
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		if strings.HasPrefix(name, "FLUX_") || strings.HasPrefix(name, "PMI_") || name == "HOME" || name == "TMPDIR" || name == "PATH" {
			continue
		}
		env = append(env, e)
	}
	env = append(env, in.mark, "HOME="+in.opt.Dir, "TMPDIR="+in.opt.Dir,
		"PATH="+filepath.Dir(in.opt.Flux)+":/usr/local/bin:/usr/bin:/bin")
	if in.URI != "" {
		env = append(env, "FLUX_URI="+in.URI)
	}
	return append(env, in.opt.Env...)
}

// Command is "flux args…" as a client of the instance.
func (in *Instance) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, in.opt.Flux, args...)
	cmd.Env = in.Environ()
	cmd.Dir = in.opt.Dir
	return cmd
}

// Stderr is what the instance has written to standard error.
func (in *Instance) Stderr() string {
	text, err := os.ReadFile(in.stderr)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Done is closed when flux start has ended.
func (in *Instance) Done() <-chan struct{} { return in.waited }

// Stop ends the instance in order, and is an error when flux start fails or
// processes are left.
func (in *Instance) Stop(ctx context.Context) error {
	_ = in.stdin.Close() // already closed when stopped twice
	select {
	case <-in.waited:
	case <-ctx.Done():
		in.Kill()
		return fmt.Errorf("stopping the instance: %w\n%s", ctx.Err(), in.Stderr())
	}
	if in.err != nil {
		in.killProcesses()
		return fmt.Errorf("flux start: %w\n%s", in.err, in.Stderr())
	}
	if left := in.Processes(); len(left) > 0 {
		in.killProcesses()
		return fmt.Errorf("left by the instance: %v\n%s", left, in.Stderr())
	}
	return nil
}

// Kill ends every process of the instance as a power failure would.
func (in *Instance) Kill() {
	in.killProcesses()
	<-in.waited
	in.killProcesses() // what was being started meanwhile
}

func (in *Instance) killProcesses() {
	for _, p := range in.Processes() {
		if proc, err := os.FindProcess(p.PID); err == nil {
			_ = proc.Kill() // it may have ended by itself
		}
	}
}

// Process is a process that carries an instance's mark.
type Process struct {
	PID  int
	Args []string
}

func (p Process) String() string { return fmt.Sprintf("%d: %s", p.PID, strings.Join(p.Args, " ")) }

// Processes are the instance's processes and what those have started.
func (in *Instance) Processes() []Process { return Marked(in.mark) }

// Marked are the processes that have a mark in their environment.
func Marked(mark string) []Process {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var all []Process
	for _, dir := range dirs {
		env, err := os.ReadFile(dir + "/environ")
		if err != nil || !bytes.Contains(append([]byte{0}, env...), append([]byte{0}, mark+"\x00"...)) {
			continue // gone, or somebody else's
		}
		args, err := os.ReadFile(dir + "/cmdline")
		if err != nil || len(args) == 0 {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || pid == os.Getpid() {
			continue
		}
		all = append(all, Process{pid, strings.Split(strings.TrimRight(string(args), "\x00"), "\x00")})
	}
	return all
}

// Brokers are the process ids of the instance's brokers; the first is the
// leader's when brokers were started in the order of their ranks.
func (in *Instance) Brokers() []int {
	var pids []int
	for _, p := range in.Processes() {
		if filepath.Base(p.Args[0]) == "flux-broker" {
			pids = append(pids, p.PID)
		}
	}
	return pids
}
