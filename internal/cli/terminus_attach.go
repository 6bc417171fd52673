// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"goflux/internal/cli/terminal"
)

// clearScreen empties the terminal for a session.
const clearScreen = "\033[2J\033[;H"

// attachTerminal attaches to the session at topic until it ends or is left, and
// exits as its process does.
func (a *app) attachTerminal(at *terminusAt, topic string, pipe bool) error {
	h, err := a.open()
	if err != nil {
		return err
	}
	show := func(text string) {
		fmt.Fprint(a.out, text)
		a.flush()
	}
	t := terminal.Terminal{
		Client: h, Topic: topic, NodeID: at.nodeID(), In: os.Stdin, Pipe: pipe,
		Attached: func() {
			if !pipe {
				show(clearScreen)
			}
		},
		Show: func(data []byte) { show(string(data)) },
	}
	end, sig := untilSignal(a.ctx, t.Run)
	switch {
	case pipe || !end.Attached:
	case end.Reason == "" || sig != 0:
		show(terminal.ShowCursor)
	default:
		show(end.Farewell())
	}
	switch {
	case sig != 0:
		return exitStatus(128 + int(sig))
	case errors.Is(end.Err, syscall.ENOSYS) && !end.Attached:
		return fail("Invalid session or server at %s", topic)
	case end.Err != nil && !end.Attached:
		return end.Err
	case end.Err != nil:
		return exitStatus(1)
	}
	return exitStatus(waitStatusCode(syscall.WaitStatus(end.Status)))
}

// untilSignal runs what has the terminal, and stops it for a signal that is to end
// this program: not before the terminal is the user's again.
func untilSignal(ctx context.Context, run func(context.Context) terminal.End) (terminal.End, syscall.Signal) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ending := make(chan os.Signal, 1)
	signal.Notify(ending, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(ending)
	done := make(chan terminal.End, 1)
	go func() { done <- run(ctx) }()
	select {
	case end := <-done:
		return end, 0
	case sig := <-ending:
		cancel()
		return <-done, sig.(syscall.Signal)
	}
}
