// SPDX-License-Identifier: LGPL-3.0-or-later

package daemon

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"goflux/internal/core/lifecycle"
	"goflux/internal/sys/tty"
)

// command is one of the commands that a phase runs.
type command struct {
	argv []string
	// text is how it is called in the log.
	text string
	// logged sends its output to the log; else it has the broker's.
	logged bool
	// samePgrp leaves it in the broker's process group.
	samePgrp bool
	// interactive is a shell for a person.
	interactive bool
	// inside is run in this process instead of argv.
	inside func(ctx context.Context, out, errs func(line string)) error
}

func shellCommand(line string) *command {
	return &command{argv: []string{shell(), "-c", line}, text: line, logged: true}
}

func shell() string { return orElse(os.Getenv("SHELL"), "/bin/bash") }

// commands are what the phases run to begin with. The initial program must be
// something that can be run here.
func (d *daemon) commands() (map[lifecycle.Phase][]*command, error) {
	all := map[lifecycle.Phase][]*command{}
	if line, _ := d.attrs.Get("broker.rc1_path"); line != "" {
		all[lifecycle.RC1] = []*command{shellCommand(line)}
	}
	if line, _ := d.attrs.Get("broker.rc3_path"); line != "" {
		all[lifecycle.RC3] = []*command{shellCommand(line)}
	}
	if _, none := d.attrs.Get("broker.rc2_none"); none || d.boot.Rank != 0 {
		return all, nil
	}
	c, err := d.initialProgram()
	if err != nil {
		return nil, err
	}
	all[lifecycle.RC2] = []*command{c}
	return all, nil
}

func (d *daemon) initialProgram() (*command, error) {
	argv := d.opt.program
	c := &command{argv: argv, text: strings.Join(argv, " ")}
	_, own := d.attrs.Get("broker.rc2_pgrp")
	c.samePgrp = !own && syscall.Getpgrp() == os.Getpid()
	switch {
	case isShell(argv):
		if !tty.IsTerminal(os.Stdin) {
			return nil, fmt.Errorf("stdin is not a tty - can't run interactive shell")
		}
		if len(argv) == 0 {
			argv = []string{shell()}
		}
		c.argv, c.text, c.interactive = argv, argv[0], true
	case len(argv) == 1 && !isProgram(argv[0]):
		c.argv = []string{shell(), "-c", argv[0]}
	}
	return c, nil
}

// isShell tells whether a command line is none or that of an interactive shell.
func isShell(argv []string) bool {
	if len(argv) != 1 {
		return len(argv) == 0
	}
	f, err := os.Open("/etc/shells")
	if err != nil {
		return false
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		sh := strings.TrimSpace(sc.Text())
		name := filepath.Base(sh)
		if strings.HasPrefix(sh, "/") && name != "true" && name != "false" && (argv[0] == sh || argv[0] == name) {
			return true
		}
	}
	return false
}

// isProgram tells whether a word can be run without a shell: a shell that stays
// would take the signals that are meant for the program.
func isProgram(word string) bool {
	if strings.ContainsAny(word, " \t\n\v\f\r") {
		return false
	}
	st, err := os.Stat(word)
	if err != nil || !st.Mode().IsRegular() {
		return false
	}
	const readExecute = 4 | 1
	return syscall.Access(word, readExecute) == nil
}

// hidden are the variables that are about the broker and not for what it
// starts; those that end in * stand for all that begin so.
var hidden = []string{
	"FLUX_JOB_ID", "FLUX_ENCLOSING_ID", "FLUX_JOB_SIZE", "FLUX_JOB_NNODES", "FLUX_JOB_TMPDIR",
	"FLUX_TASK_RANK", "FLUX_TASK_LOCAL_ID", "FLUX_URI", "FLUX_KVS_NAMESPACE", "FLUX_PROXY_REMOTE",
	"PMI_*", "PMIX_*", "FLUX_PMI_LIBRARY_PATH", "I_MPI_PMI_LIBRARY", "SLURM_*", "NOTIFY_SOCKET", "PALS_*",
}

// environment is that of what the broker starts.
func (d *daemon) environment() []string {
	var env []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if !isHidden(name) {
			env = append(env, v)
		}
	}
	uri, _ := d.attrs.Get("local-uri")
	env = append(env, "FLUX_URI="+uri)
	if id, ok := d.attrs.Get("jobid"); ok {
		env = append(env, "FLUX_ENCLOSING_ID="+id)
	}
	return env
}

func isHidden(name string) bool {
	for _, h := range hidden {
		if prefix, ok := strings.CutSuffix(h, "*"); ok && strings.HasPrefix(name, prefix) || h == name {
			return true
		}
	}
	return false
}
