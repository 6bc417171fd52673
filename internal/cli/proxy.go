// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"goflux/flux"
	"goflux/internal/install"
	"goflux/internal/proxy"
)

type proxyOptions struct{ force, nohup, reconnect bool }

// proxyRetry is how often a broker that has gone away is looked for.
const proxyRetry = 2 * time.Second

// newProxy is flux proxy (flux-proxy(1)).
func newProxy(a *app) *cobra.Command {
	var o proxyOptions
	c := &cobra.Command{
		Use:   "proxy [OPTIONS] TARGET [command [args...]]",
		Short: "share a connection to another instance",
		Args:  cobra.MinimumNArgs(1),
		RunE:  func(_ *cobra.Command, args []string) error { return a.proxy(o, args[0], args[1:]) },
	}
	ownArgs(c)
	f := c.Flags()
	f.BoolVarP(&o.force, "force", "f", false, "connect even if the broker is of another release")
	f.BoolVarP(&o.nohup, "nohup", "n", false, "send no SIGHUP and SIGCONT to the command when the connection is lost")
	f.BoolVar(&o.reconnect, "reconnect", false, "connect anew when the connection is lost")
	return c
}

func (a *app) proxy(o proxyOptions, target string, command []string) error {
	uri, err := a.proxyTarget(target)
	if err != nil {
		return err
	}
	nc, err := flux.Dial(a.ctx, uri)
	if err != nil {
		return proxyError(uri, err)
	}
	defer nc.Close()
	dir, err := a.proxyDir()
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "local")
	p, err := proxy.Listen(socket)
	if err != nil {
		return fail("%s: cannot set up socket listener: %v", socket, err)
	}
	defer p.Close()
	p.Hold(o.reconnect)
	lost := make(chan error, 1)
	p.Attach(nc)
	go func() { lost <- a.proxyRun(p, uri, o.reconnect) }()
	if err := a.proxyVersion(p, o.force); err != nil {
		return err
	}
	go p.Accept()
	return a.proxyCommand(o, uri, socket, command, lost)
}

// proxyTarget resolves the target.
func (a *app) proxyTarget(target string) (string, error) {
	if strings.HasPrefix(target, "local:") || strings.HasPrefix(target, "ssh:") {
		return target, nil
	}
	cmd := exec.CommandContext(a.ctx, install.Flux(), "uri", target)
	cmd.Stderr = a.err
	out, err := cmd.Output()
	if uri := strings.TrimSpace(string(out)); err == nil && uri != "" {
		return uri, nil
	}
	return "", fail("Unable to resolve %s to a URI", target)
}

func proxyError(uri string, err error) error {
	if path, local := strings.CutPrefix(uri, "local://"); local && errors.Is(err, syscall.ENOENT) {
		return fail("%s: broker socket %s was not found", uri, path)
	}
	return fail("%s: %v", uri, err)
}

// proxyDir makes a directory for the socket.
func (a *app) proxyDir() (string, error) {
	tmp := os.Getenv("TMPDIR")
	if st, err := os.Stat(tmp); tmp == "" || err != nil || !st.IsDir() {
		if tmp != "" {
			fmt.Fprintf(a.err, "flux-proxy: TMPDIR (%s) is not a directory. Using /tmp instead\n", tmp)
		}
		tmp = "/tmp"
	}
	dir, err := os.MkdirTemp(tmp, "flux-proxy-")
	if err != nil {
		return "", fail("error creating proxy socket directory: %v", err)
	}
	return dir, nil
}

// proxyRun serves the connection, and those that follow it.
func (a *app) proxyRun(p *proxy.Proxy, uri string, reconnect bool) error {
	for {
		err := p.Run()
		if err == nil || !reconnect {
			return err
		}
		fmt.Fprintf(a.err, "flux-proxy: broker: %v\nflux-proxy: reconnecting\n", flux.ErrorText(err))
		nc := a.proxyAgain(uri)
		for nc == nil {
			time.Sleep(proxyRetry)
			nc = a.proxyAgain(uri)
		}
		p.Attach(nc)
		fmt.Fprintln(a.err, "flux-proxy: reconnected")
	}
}

// proxyAgain connects to a broker that is up, nil when there is none.
func (a *app) proxyAgain(uri string) net.Conn {
	h, err := flux.Open(a.ctx, uri)
	if err != nil {
		return nil
	}
	defer h.Close()
	if h.RPC(a.ctx, "state-machine.wait", flux.NodeAny, nil, nil) != nil {
		return nil
	}
	nc, err := flux.Dial(a.ctx, uri)
	if err != nil {
		return nil
	}
	return nc
}

// proxyVersion refuses a broker of another release.
func (a *app) proxyVersion(p *proxy.Proxy, force bool) error {
	version, err := p.Attr("version")
	if err != nil {
		return fail("flux_attr_get version: %v", err)
	}
	release := func(v string) string { return v[:strings.LastIndexByte("."+v, '.')] }
	if release(version) == release(install.CoreVersion) {
		return nil
	}
	text := fmt.Sprintf("proxy version %s may not interoperate with broker version %s", install.CoreVersion, version)
	if !force {
		return fail("fatal: %s (--force to connect anyway)", text)
	}
	fmt.Fprintf(a.err, "flux-proxy: warning: %s\n", text)
	return nil
}

// proxyCommand runs the command to its end, which is the proxy's.
func (a *app) proxyCommand(o proxyOptions, uri, socket string, command []string, lost <-chan error) error {
	shell := os.Getenv("SHELL")
	if shell == "" {
		shell = "/bin/sh"
	}
	cmd := exec.Command(shell)
	if len(command) > 0 {
		cmd.Args = append(cmd.Args, "-c", strings.Join(command, " "))
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "FLUX_URI=local://"+socket)
	if u, err := url.Parse(uri); err == nil && u.Scheme == "ssh" {
		remote := u.Host
		if u.User != nil {
			remote = u.User.String() + "@" + remote
		}
		cmd.Env = append(cmd.Env, "FLUX_PROXY_REMOTE="+remote)
	}
	// Signals of the terminal are for the command.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGQUIT)
	defer signal.Stop(signals)
	tty, _ := term.GetState(int(os.Stdin.Fd()))
	if err := cmd.Start(); err != nil {
		return fail("%s: %v", shell, err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }() // its state says how it ended
	cut := false
	for {
		select {
		case <-ended:
			if cut {
				restoreTerminal(tty)
			}
			return proxyStatus(cmd.ProcessState)
		case <-lost:
			cut = true
			fmt.Fprintln(a.err, "flux-proxy: Lost connection to Flux")
			if !o.nohup {
				fmt.Fprintln(a.err, "flux-proxy: Sending SIGHUP to child processes")
				_ = cmd.Process.Signal(syscall.SIGHUP) // it may have ended
				_ = cmd.Process.Signal(syscall.SIGCONT)
			}
		case <-signals:
		}
	}
}

// restoreTerminal undoes what a command may have left that had no time to.
func restoreTerminal(tty *term.State) {
	if tty != nil {
		_ = term.Restore(int(os.Stdin.Fd()), tty)
	}
	if term.IsTerminal(int(os.Stdout.Fd())) {
		fmt.Print("\033[?25h\r\n")
	}
}

func proxyStatus(st *os.ProcessState) error {
	code := st.ExitCode()
	if ws, ok := st.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		code = 128 + int(ws.Signal())
	}
	if code == 0 {
		return nil
	}
	return ExitError(code)
}
