// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/syslog"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"goflux/flux"
	"goflux/internal/install"
	"goflux/internal/rpc"
)

// shutdownOptions are the options of flux shutdown.
type shutdownOptions struct {
	skipGC, gc, background, quiet, yes, no bool
	dump                                   string
	verbose                                int
}

// newShutdown is flux shutdown (flux-shutdown(1)).
func newShutdown(a *app) *cobra.Command {
	var o shutdownOptions
	cmd := &cobra.Command{Use: "shutdown [OPTIONS] [TARGET]", Short: "end an instance", Args: a.operands(0, 1)}
	fs := cmd.Flags()
	fs.BoolVar(&o.skipGC, "skip-gc", false, "Do not dump the KVS, even if that is set up")
	fs.BoolVar(&o.gc, "gc", false, "Dump the KVS, so that the next start makes a new database of it")
	fs.StringVar(&o.dump, "dump", "", "Dump the KVS to a file (`PATH`)")
	fs.BoolVar(&o.background, "background", false, "Do not wait for the end")
	fs.BoolVar(&o.quiet, "quiet", false, "Print warnings and errors only")
	fs.VarPF((*level)(&o.verbose), "verbose", "v", "Print debug messages, too (`LEVEL`)").NoOptDefVal = "+1"
	fs.BoolVarP(&o.yes, "yes", "y", false, "Answer questions with yes")
	fs.BoolVarP(&o.no, "no", "n", false, "Answer questions with no")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if o.gc && (o.skipGC || cmd.Flags().Changed("dump")) {
			return fail("--gc is incompatible with --skip-gc or --dump")
		}
		h, err := a.shutdownTarget(args)
		if err != nil {
			return err
		}
		if err := a.configureDump(h, o); err != nil {
			return err
		}
		return a.shutdown(h, o)
	}
	return cmd
}

func (a *app) shutdownTarget(args []string) (*flux.Client, error) {
	uri := ""
	if len(args) > 0 {
		var err error
		if uri, err = a.resolveURI(args[0]); err != nil {
			return nil, err
		}
	}
	h, err := flux.Open(a.ctx, uri)
	if err != nil {
		return nil, fail("error connecting to Flux: %v", err)
	}
	a.client = h
	return h, nil
}

// resolveURI turns a target into the URI of an instance: what is one already,
// or what flux uri knows.
func (a *app) resolveURI(target string) (string, error) {
	if strings.HasPrefix(target, "local://") || strings.HasPrefix(target, "ssh://") {
		return target, nil
	}
	cmd := exec.CommandContext(a.ctx, install.Flux(), "uri", "--local", target)
	cmd.Stderr = a.err
	out, err := cmd.Output()
	if err != nil {
		return "", fail("failed to resolve target %s to a Flux URI", target)
	}
	return strings.TrimSpace(string(out)), nil
}

func (a *app) shutdown(h *flux.Client, o shutdownOptions) error {
	severity := int(syslog.LOG_INFO)
	switch {
	case o.quiet:
		severity = int(syslog.LOG_WARNING)
	case o.verbose > 0:
		severity = int(syslog.LOG_DEBUG)
	}
	req := rpc.ShutdownStart{LogLevel: &severity}
	if o.background {
		if err := h.RPC(a.ctx, "shutdown.start", flux.NodeAny, req, nil); err != nil {
			return fail("%v", err)
		}
		return nil
	}
	call, err := h.Stream("shutdown.start", flux.NodeAny, req)
	for err == nil {
		var line rpc.ShutdownLog
		if err = call.Get(a.ctx, &line); err == nil {
			fmt.Fprint(a.err, line.Log)
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return fail("%v", err)
}

// configureDump sets or removes content.dump, by which the broker dumps the KVS
// when it ends, and says what will be done.
func (a *app) configureDump(h *flux.Client, o shutdownOptions) error {
	present, err := h.Attr(a.ctx, "content.dump")
	if err != nil && !errors.Is(err, syscall.ENOENT) {
		return fail("content.dump: %v", err)
	}
	wanted := present
	switch {
	case o.skipGC:
		wanted = ""
	case o.dump != "":
		wanted = o.dump
	default:
		collect := o.gc
		if !collect {
			if collect, err = a.shouldCollect(h, o); err != nil {
				return err
			}
		}
		if collect {
			wanted = "auto"
		}
	}
	if wanted != present {
		topic, req := "attr.set", any(rpc.AttrSet{Name: "content.dump", Value: wanted})
		if wanted == "" {
			topic, req = "attr.rm", rpc.Name{Name: "content.dump"}
		}
		if err := h.RPC(a.ctx, topic, flux.NodeAny, req, nil); err != nil {
			return fail("%s content.dump: %v", topic, err)
		}
	}
	if wanted == "auto" {
		dir := "."
		if v, err := h.Attr(a.ctx, "statedir-cleanup"); err == nil && v == "0" {
			if dir, err = h.Attr(a.ctx, "statedir"); err != nil {
				return fail("statedir: %v", err)
			}
		}
		wanted = dir + "/dump/"
	}
	if wanted != "" {
		a.warnf("shutdown will dump KVS to %s (this may take some time)", wanted)
	}
	return nil
}

// shouldCollect asks, when the KVS has seen more changes than kvs.gc-threshold.
func (a *app) shouldCollect(h *flux.Client, o shutdownOptions) (bool, error) {
	var conf struct {
		KVS struct {
			Threshold int `json:"gc-threshold"`
		} `json:"kvs"`
	}
	if err := h.RPC(a.ctx, "config.get", flux.NodeAny, nil, &conf); err != nil {
		return false, fail("Error fetching flux config: %v", err)
	}
	if conf.KVS.Threshold <= 0 {
		return false, nil
	}
	var root rpc.KVSGetrootResponse
	err := h.RPC(a.ctx, "kvs.getroot", flux.NodeAny, rpc.KVSGetroot{Namespace: "primary"}, &root)
	if err != nil && !errors.Is(err, syscall.ENOSYS) {
		return false, fail("Error fetching KVS version: %v", err)
	}
	switch {
	case root.Rootseq <= conf.KVS.Threshold:
		return false, nil
	case o.yes:
		return true, nil
	case o.no:
		return false, nil
	case !term.IsTerminal(int(os.Stdin.Fd())):
		return false, fail("gc threshold exceeded, specify -y or -n\n")
	}
	return a.ask("gc threshold exceeded, do you want to perform garbage collection")
}

// ask asks a question that is mostly answered yes.
func (a *app) ask(question string) (bool, error) {
	in := bufio.NewReader(a.in)
	for {
		fmt.Fprintf(a.out, "%s [Y/n]? ", question)
		a.flush()
		line, err := in.ReadString('\n')
		if err != nil {
			return false, fail("error retrieving user input")
		}
		switch {
		case line == "\n" || strings.HasPrefix(strings.ToLower(line), "y"):
			return true, nil
		case strings.HasPrefix(strings.ToLower(line), "n"):
			return false, nil
		}
		fmt.Fprintln(a.out, "Please answer y or n")
	}
}
