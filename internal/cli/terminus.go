// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/rpc"
)

// terminusSession is the variable that says which session a process is in.
const terminusSession = "FLUX_TERMINUS_SESSION"

// newTerminus is flux terminus: sessions on terminals, held by a server that
// the first one starts, which one may leave and come back to.
func newTerminus(a *app) *cobra.Command {
	cmd := a.group("terminus COMMAND", "hold terminals that one may leave and come back to")
	cmd.AddCommand(
		a.terminusStart(), a.terminusAttach(), a.terminusList(),
		a.terminusKill(), a.terminusKillServer(), a.terminusServer(),
	)
	return cmd
}

// terminusAt is the server that a command is for.
type terminusAt struct {
	rank    int
	service string
}

func terminusFlags(cmd *cobra.Command) *terminusAt {
	at := &terminusAt{rank: -1, service: fmt.Sprintf("%d-terminus", os.Getuid())}
	cmd.Flags().IntVarP(&at.rank, "rank", "r", at.rank, "Ask for the server on `RANK`")
	cmd.Flags().StringVarP(&at.service, "service", "s", at.service, "Ask for the server of that `NAME`")
	return at
}

func (at *terminusAt) nodeID() uint32 {
	if at.rank < 0 {
		return flux.NodeAny
	}
	return uint32(at.rank)
}

// rpc makes a request to the server.
func (at *terminusAt) rpc(a *app, method string, req, resp any) error {
	h, err := a.open()
	if err != nil {
		return err
	}
	return h.RPC(a.ctx, at.service+"."+method, at.nodeID(), req, resp)
}

// failed words the failure of a request.
func (at *terminusAt) failed(what string, err error) error {
	if errors.Is(err, syscall.ENOSYS) {
		return fail("%sno server running at %s", what, at.service)
	}
	return fail("%s%v", what, err)
}

// sessionID reads the number of a session.
func sessionID(text string) (int, error) {
	id, err := strconv.Atoi(text)
	if err != nil || id < 0 {
		return 0, usageError("session ID must be an integer")
	}
	return id, nil
}

func (a *app) terminusList() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "list sessions", Args: a.operands(0, 0)}
	at := terminusFlags(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		var l rpc.TerminalList
		if err := at.rpc(a, "list", nil, &l); err != nil {
			return at.failed("", err)
		}
		when := func(t float64) string { return time.Unix(int64(t), 0).UTC().Format(time.ANSIC) }
		fmt.Fprintf(a.out, "server at %s running on rank %d since %s\n", l.Server.Service, l.Server.Rank, when(l.Server.Ctime))
		switch n := len(l.Sessions); n {
		case 0:
			fmt.Fprintln(a.out, "no sessions")
		case 1:
			fmt.Fprintln(a.out, "1 current session:")
		default:
			fmt.Fprintf(a.out, "%d current sessions:\n", n)
		}
		for _, s := range l.Sessions {
			exited := ""
			if s.Exited != 0 {
				exited = " (exited)"
			}
			fmt.Fprintf(a.out, "%d: [%s]%s %d clients (created %s)\n", s.ID, s.Name, exited, s.Clients, when(s.Ctime))
		}
		return nil
	}
	return cmd
}

func (a *app) terminusKill() *cobra.Command {
	cmd := &cobra.Command{Use: "kill ID", Short: "kill a session", Args: a.operands(1, 1)}
	at := terminusFlags(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		id, err := sessionID(args[0])
		if err != nil {
			return err
		}
		if err := at.rpc(a, "kill", rpc.TerminalKill{ID: id, Signal: int(syscall.SIGKILL), Wait: 1}, nil); err != nil {
			return at.failed("kill: ", err)
		}
		return nil
	}
	return cmd
}

func (a *app) terminusKillServer() *cobra.Command {
	cmd := &cobra.Command{Use: "kill-server", Short: "kill all sessions of a server, and end it", Args: a.operands(0, 0)}
	at := terminusFlags(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		if err := at.rpc(a, "kill-server", nil, nil); err != nil {
			return at.failed("", err)
		}
		return nil
	}
	return cmd
}

func (a *app) terminusAttach() *cobra.Command {
	var pipe bool
	cmd := &cobra.Command{Use: "attach ID", Short: "attach to a session", Args: a.operands(1, 1)}
	at := terminusFlags(cmd)
	cmd.Flags().BoolVarP(&pipe, "pipe", "p", false, "Send standard input and leave; show nothing")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if err := refuseNesting(); err != nil {
			return err
		}
		id, err := sessionID(args[0])
		if err != nil {
			return err
		}
		return a.attachTerminal(at, fmt.Sprintf("%s.%d", at.service, id), pipe)
	}
	return cmd
}

// refuseNesting keeps sessions out of sessions.
func refuseNesting() error {
	if os.Getenv(terminusSession) != "" {
		return fail("Nesting flux-terminus sessions not supported")
	}
	return nil
}

func (a *app) terminusStart() *cobra.Command {
	var detach, wait, pipe bool
	var name string
	cmd := &cobra.Command{Use: "start [COMMAND...]", Short: "start a session, of a shell if no command is given"}
	ownArgs(cmd)
	at := terminusFlags(cmd)
	fs := cmd.Flags()
	fs.BoolVarP(&detach, "detach", "d", false, "Do not attach to it")
	fs.BoolVarP(&wait, "wait", "w", false, "With --detach, keep the session until somebody has attached")
	fs.StringVarP(&name, "name", "n", "", "Call the session `NAME` instead of its command's")
	fs.BoolVarP(&pipe, "pipe", "p", false, "Send standard input and leave; show nothing")
	_ = fs.MarkHidden("pipe")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if err := refuseNesting(); err != nil {
			return err
		}
		if err := a.needTerminusServer(at); err != nil {
			return err
		}
		req := rpc.TerminalNew{Name: name, Cmd: args}
		if wait || !detach {
			req.Wait = 1
		}
		var s rpc.TerminalOpened
		if err := at.rpc(a, "new", req, &s); err != nil {
			return fail("new session: %v", err)
		}
		if detach {
			return nil
		}
		return a.attachTerminal(at, s.Service, pipe)
	}
	return cmd
}

// needTerminusServer starts a server here unless there is one.
func (a *app) needTerminusServer(at *terminusAt) error {
	err := at.rpc(a, "list", nil, nil)
	if err == nil {
		return nil
	}
	if at.rank >= 0 {
		return fail("Unable to start a new server with --rank option")
	}
	if err := startTerminusServer(at.service); err != nil {
		return fail("Failed to start a new server: %v", err)
	}
	return nil
}
