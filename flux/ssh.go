// SPDX-License-Identifier: LGPL-3.0-or-later

package flux

import (
	"context"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"goflux/internal/message"
)

// defaultSSH is the program that reaches other hosts, unless $FLUX_SSH names one.
const defaultSSH = "/usr/bin/ssh"

// sshCommand is the command line that connects to uri, ssh://[USER@]HOST[:PORT]/PATH:
// flux relay run on that host by ssh (flux-environment(7): FLUX_SSH,
// FLUX_SSH_RCMD). EINVAL.
func sshCommand(uri string, getenv func(string) string) ([]string, error) {
	u, err := url.Parse(uri)
	switch {
	case err != nil:
		return nil, message.Errorf(syscall.EINVAL, "%s: %v", uri, err)
	case u.Hostname() == "":
		return nil, message.Errorf(syscall.EINVAL, "%s: the URI names no host", uri)
	case strings.Trim(u.Path, "/") == "":
		return nil, message.Errorf(syscall.EINVAL, "%s: the URI names no socket", uri)
	case u.RawQuery != "":
		return nil, message.Errorf(syscall.EINVAL, "%s: unknown query option %s", uri, u.RawQuery)
	case strings.HasPrefix(u.Hostname(), "-") || strings.HasPrefix(u.User.Username(), "-"):
		return nil, message.Errorf(syscall.EINVAL, "%s: a host's name does not begin with a hyphen", uri)
	}
	ssh := getenv("FLUX_SSH")
	if ssh == "" {
		ssh = defaultSSH
	}
	args := []string{ssh}
	if port := u.Port(); port != "" {
		args = append(args, "-p", port)
	}
	host := u.Hostname()
	if user := u.User.Username(); user != "" {
		host = user + "@" + host
	}
	args = append(args, host)
	program, libs := getenv("FLUX_SSH_RCMD"), getenv("LD_LIBRARY_PATH")
	if program == "" || libs != "" {
		args = append(args, "env")
	}
	if program == "" {
		args = append(args, "PATH="+remotePath(u.Path))
		program = "flux"
	}
	if libs != "" {
		args = append(args, "LD_LIBRARY_PATH="+quote(libs))
	}
	return append(args, program, "relay", quote(u.Path)), nil
}

// quote makes a word one that a shell takes as it is: a URI may come from
// whoever runs the instance that it leads to.
func quote(word string) string {
	for _, r := range word {
		if !strings.ContainsRune("_@%+=:,./-~", r) && !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9') {
			return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return word
}

// remotePath is where flux is looked for on the other host: beside the broker's
// socket, where brokers put a link to theirs; where it is here; and where
// programs usually are.
func remotePath(socket string) string {
	dirs := []string{path.Join(path.Dir(socket), "bin")}
	if here, err := exec.LookPath("flux"); err == nil {
		if here, err = filepath.Abs(here); err == nil {
			dirs = append(dirs, filepath.Dir(here))
		}
	}
	return strings.Join(append(dirs, "/bin", "/usr/bin"), ":")
}

// connectSSH runs the command that reaches the broker; what it prints to
// standard error is the caller's.
func connectSSH(ctx context.Context, uri string) (net.Conn, error) {
	args, err := sshCommand(uri, os.Getenv)
	if err != nil {
		return nil, err
	}
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "ssh"), os.NewFile(uintptr(fds[1]), "ssh")
	defer ours.Close() // FileConn has its own
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, os.Stderr
	err = cmd.Start()
	theirs.Close() // else the end of ssh would not end the connection
	if err != nil {
		return nil, message.Errorf(message.Errno(err), "error running %s: %s (FLUX_SSH in the environment can name another program)",
			args[0], message.ErrnoText(message.Errno(err)))
	}
	go func() { _ = cmd.Wait() }() // that the connection ends says it all
	nc, err := net.FileConn(ours)
	if err != nil {
		_ = cmd.Process.Kill() // it may have ended
		return nil, err
	}
	if err := welcome(ctx, nc); err != nil {
		nc.Close()
		return nil, err
	}
	return nc, nil
}
