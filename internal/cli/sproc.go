// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/cli/outfmt"
	"goflux/internal/rpc"
)

// newSproc is flux sproc: the processes of subprocess servers (RFC 42).
func newSproc(a *app) *cobra.Command {
	cmd := a.group("sproc COMMAND", "list, signal and wait for remote processes")
	cmd.AddCommand(a.sprocKill(), a.sprocWait(), a.sprocPs())
	return cmd
}

// sprocServer is which server to ask.
type sprocServer struct {
	rank    uint32
	service string
}

func sprocFlags(cmd *cobra.Command) *sprocServer {
	s := new(sprocServer)
	cmd.Flags().Uint32VarP(&s.rank, "rank", "r", flux.NodeAny, "Ask the broker of `RANK`")
	cmd.Flags().StringVarP(&s.service, "service", "s", "rexec", "Ask the service `NAME`")
	return s
}

// processHeadings are the fields of flux sproc ps.
func processHeadings() map[string]string {
	return map[string]string{
		"pid": "PID", "state": "ST", "label": "LABEL", "rank": "RANK", "cmd": "COMMAND",
	}
}

func (a *app) sprocPs() *cobra.Command {
	var format string
	var noHeader bool
	cmd := &cobra.Command{Use: "ps", Short: "list processes", Args: a.operands(0, 0)}
	server := sprocFlags(cmd)
	cmd.Flags().StringVarP(&format, "format", "o", "{pid:>9} {state:<2} {label:<12} {cmd}", "Print these fields (`FORMAT`)")
	cmd.Flags().BoolVarP(&noHeader, "no-header", "n", false, "Print no header")
	cmd.RunE = func(*cobra.Command, []string) error {
		f, err := outfmt.Parse(format, processHeadings())
		if err != nil {
			return err
		}
		h, err := a.open()
		if err != nil {
			return err
		}
		var list rpc.RexecList
		if err := h.RPC(a.ctx, server.service+".list", server.rank, rpc.Empty{}, &list); err != nil {
			return fail("ps: %s", osErrorText(err))
		}
		var rows []outfmt.Item
		for _, p := range list.Procs {
			fields := map[string]any{"pid": p.Pid, "state": p.State, "label": p.Label, "rank": list.Rank, "cmd": p.Cmd}
			rows = append(rows, outfmt.ItemFunc(func(name string) any { return fields[name] }))
		}
		return outfmt.Print(f, a.out, rows, outfmt.Options{NoHeader: noHeader})
	}
	return cmd
}

func (a *app) sprocKill() *cobra.Command {
	var wait bool
	cmd := &cobra.Command{Use: "kill SIGNUM PID|LABEL", Short: "send a signal to a process", Args: a.operands(2, 2)}
	server := sprocFlags(cmd)
	cmd.Flags().BoolVarP(&wait, "wait", "w", false, "Wait for the process and exit with its status")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		signum, err := strconv.Atoi(args[0])
		if err != nil {
			return usageError("argument signum: invalid int value: '%s'", args[0])
		}
		h, err := a.open()
		if err != nil {
			return err
		}
		target := sprocTarget(args[1])
		var waiting *flux.Call
		if wait {
			if waiting, err = h.Go(server.service+".wait", server.rank, target); err != nil {
				return fail("kill: wait failed: %s", osErrorText(err))
			}
		}
		err = h.RPC(a.ctx, server.service+".kill", server.rank, rpc.RexecKill{RexecTarget: target, Signum: signum}, nil)
		if err != nil {
			failure := fail("kill: %s", osErrorText(err))
			if !wait || !errors.Is(err, syscall.ESRCH) {
				return failure
			}
			a.warnf("ERROR: %s", failure)
		}
		if !wait {
			return nil
		}
		var waited rpc.RexecWaited
		if err := waiting.Get(a.ctx, &waited); err != nil {
			return fail("kill: wait failed: %s", osErrorText(err))
		}
		return exitStatus(waitStatusCode(syscall.WaitStatus(waited.Status)))
	}
	return cmd
}

func (a *app) sprocWait() *cobra.Command {
	var output bool
	cmd := &cobra.Command{Use: "wait PID|LABEL", Short: "wait for a process and exit with its status", Args: a.operands(1, 1)}
	server := sprocFlags(cmd)
	cmd.Flags().BoolVarP(&output, "output", "o", false, "Print the output that the server has kept")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		h, err := a.open()
		if err != nil {
			return err
		}
		var waited rpc.RexecWaited
		if err := h.RPC(a.ctx, server.service+".wait", server.rank, sprocTarget(args[0]), &waited); err != nil {
			return fail("wait: %s", osErrorText(err))
		}
		if output {
			if err := a.printKept(waited.Output); err != nil {
				return err
			}
		}
		return exitStatus(waitStatusCode(syscall.WaitStatus(waited.Status)))
	}
	return cmd
}

// sprocTarget names a process by any number, or by label.
func sprocTarget(s string) rpc.RexecTarget {
	if pid, err := strconv.ParseInt(s, 10, 32); err == nil {
		return rpc.RexecTarget{Pid: int(pid)}
	}
	return rpc.RexecTarget{Pid: -1, Label: s}
}

// printKept prints output by its streams.
func (a *app) printKept(output []rpc.IO) error {
	for _, o := range output {
		b, err := o.Bytes()
		if err != nil {
			return err
		}
		if o.Stream == "stdout" {
			a.out.Write(b)
			continue
		}
		a.flush()
		if _, err := a.err.Write(b); err != nil {
			return err
		}
	}
	return nil
}
